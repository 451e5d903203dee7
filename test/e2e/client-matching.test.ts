import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, messageTo } from '../support/messages.ts';
import { logged } from '../support/processes.ts';
import { type Accepted, get, resolve } from '../support/send.ts';
import { payloadAtCore } from '../support/story.ts';
import { addAccount, type TestAccount, type TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

let contour: Contour;
beforeAll(async () => {
  contour = await startContour();
});
afterAll(() => contour?.close());

/** Replaces the worker by one that links clients in another way. */
async function linkByPhone(LINK_BY_PHONE: string): Promise<void> {
  await contour.workers.at(-1)?.stop();
  await contour.startWorker({ LINK_BY_PHONE });
}

const accepted: Accepted[] = [];

/** Sends one message and returns its answer, its receipt and Core's payload. */
async function send(account: TestAccount, fields: Body) {
  const answer = await resolve(contour.url, messageTo(account, fields));
  expect(answer.status).toBe(200);
  const { message_id: messageId } = answer.json;
  accepted.push({ messageId, answer: answer.text });
  const payload = await payloadAtCore(contour, messageId);
  const story = (await get(`${contour.url}/messages/${messageId}`)).json;
  return { ...answer.json, payload, story };
}

const byExternalId = (channels: { external_id: string }[]) =>
  [...channels].sort((a, b) => (a.external_id < b.external_id ? -1 : 1));

describe('one phone in two channels', () => {
  test('is one client with two dialogs, in any form of the number', async () => {
    const { telegram, whatsapp } = (await contour.addTenant()).accounts;
    const first = await send(telegram, {
      external_chat_id: 'a',
      client_phone: '+79991234567',
      client_name: 'Ivan',
    });
    const second = await send(whatsapp, {
      external_chat_id: 'b',
      client_phone: '8 (999) 123-45-67',
    });
    expect(second.client_id).toBe(first.client_id);
    expect(second.dialog_id).not.toBe(first.dialog_id);
    expect(first.story).toMatchObject({ matched_by: 'created', is_new_client: true });
    expect(second.story).toMatchObject({
      matched_by: 'phone',
      is_new_client: false,
      is_new_dialog: true,
    });
    expect(second.payload.client_phone).toBe('8 (999) 123-45-67');
    expect(second.payload.client).toMatchObject({ name: 'Ivan', phone: '+79991234567' });
    expect(byExternalId(second.payload.client.channels)).toEqual([
      { channel: 'telegram', external_id: 'a' },
      { channel: 'whatsapp', external_id: 'b' },
    ]);
    const third = await send(whatsapp, { external_chat_id: 'b' });
    expect(third.client_id).toBe(first.client_id);
    expect(third.story.matched_by).toBe('identity');
  });

  test('stays two clients in two tenants', async () => {
    const tenants = [await contour.addTenant(), await contour.addTenant()];
    const sendFor = ({ accounts }: TestTenant) =>
      send(accounts.telegram, { client_phone: '+79991112233' });
    const [one, other] = await Promise.all(tenants.map(sendFor));
    expect(one?.client_id).not.toBe(other?.client_id);
  });
});

test('a placeholder for a phone links twenty chats, and a warning names the client once', async () => {
  const { telegram } = (await contour.addTenant()).accounts;
  const ids = new Map<string, number>();
  for (let chat = 0; chat < 23; chat += 1) {
    const fields = { external_chat_id: `placeholder ${chat}`, client_phone: '+79990000000' };
    const { client_id } = await send(telegram, fields);
    ids.set(client_id, (ids.get(client_id) ?? 0) + 1);
  }
  expect([...ids.values()]).toEqual([20, 1, 1, 1]);
  const warnings = () => logged<object>(contour.workers, 'client.too_many_identities');
  await waitFor('the warning', async () => warnings().length > 0);
  expect(warnings()).toMatchObject([{ client_id: [...ids.keys()][0] }]);
});

describe('what is known about a client', () => {
  test('is filled in when it comes later, and never overwritten', async () => {
    const { vk } = (await contour.addTenant()).accounts;
    const chat = { external_chat_id: 'c' };
    const blank = await send(vk, chat);
    expect(blank.payload.client).toMatchObject({ name: null, phone: null });
    const named = await send(vk, {
      ...chat,
      client_name: 'Anna',
      client_phone: '+79995550011',
    });
    expect(named.client_id).toBe(blank.client_id);
    expect(named.payload.client).toMatchObject({ name: 'Anna', phone: '+79995550011' });
    const renamed = await send(vk, {
      ...chat,
      client_name: 'Hanna',
      client_phone: '+79995550022',
    });
    expect(renamed.client_id).toBe(blank.client_id);
    expect(renamed.payload.client).toMatchObject({ name: 'Anna', phone: '+79995550011' });
    expect(renamed.payload.client_phone).toBe('+79995550022');
  });

  test('a phone that belongs to another client is not filled in', async () => {
    const { telegram, max } = (await contour.addTenant()).accounts;
    const owner = await send(telegram, { client_phone: '+79997770000' });
    const chat = { external_chat_id: 'd' };
    const other = await send(max, chat);
    const claims = await send(max, { ...chat, client_phone: '+79997770000' });
    expect(claims.client_id).toBe(other.client_id);
    expect(claims.client_id).not.toBe(owner.client_id);
    expect(claims.payload.client.phone).toBeNull();
    expect(claims.payload.client_phone).toBe('+79997770000');
  });

  test('a number that is no phone links no clients', async () => {
    const { telegram } = (await contour.addTenant()).accounts;
    const [one, other] = await Promise.all([
      send(telegram, { client_phone: '123' }),
      send(telegram, { client_phone: '123' }),
    ]);
    expect(one.client_id).not.toBe(other.client_id);
    expect(one.payload.client.phone).toBeNull();
    expect(one.payload.client_phone).toBe('123');
  });
});

describe('a dialog', () => {
  test('differs for each account of a channel, with one client', async () => {
    const tenant = await contour.addTenant();
    const secondBot = await addAccount(contour.database.pool, tenant.id, 'telegram');
    const chat = { external_chat_id: 'e', message_ids: [1] };
    const first = await send(tenant.accounts.telegram, chat);
    const second = await send(secondBot, chat);
    expect(second.client_id).toBe(first.client_id);
    expect(second.dialog_id).not.toBe(first.dialog_id);
    expect(second.payload.channel_account_id).toBe(secondBot.id);
    expect(second.payload.meta).toMatchObject({ is_new_client: false, is_new_dialog: true });
  });

  test.each([
    [1, true],
    [2, true],
    [3, false],
  ])('with status %i goes on: %s', async (status, goesOn) => {
    const { telegram } = (await contour.addTenant()).accounts;
    const chat = { external_chat_id: 'f' };
    const first = await send(telegram, chat);
    await contour.database.pool.query('update dialogs set status_id = $2 where id = $1', [
      first.dialog_id,
      status,
    ]);
    const second = await send(telegram, chat);
    expect(second.dialog_id === first.dialog_id).toBe(goesOn);
    expect(second.payload.seq).toBe(goesOn ? 2 : 1);
    expect(second.payload.meta.is_new_dialog).toBe(!goesOn);
  });
});

test('with LINK_BY_PHONE=false one phone stays two clients, and Core gets the number', async () => {
  await linkByPhone('false');
  const { telegram, whatsapp } = (await contour.addTenant()).accounts;
  const phone = { client_phone: '+79991234567' };
  const first = await send(telegram, { ...phone, external_chat_id: 'a' });
  const second = await send(whatsapp, { ...phone, external_chat_id: 'b' });
  expect(second.client_id).not.toBe(first.client_id);
  expect(second.story.matched_by).toBe('created');
  expect(second.payload.client_phone).toBe('+79991234567');
});

describe('one phone with LINK_BY_PHONE=verified', () => {
  const phone = { client_phone: '+79991234567' };
  beforeAll(() => linkByPhone('verified'));

  test('is one client if the channel vouches for it, and another client if a person types it', async () => {
    const { telegram, whatsapp, vk } = (await contour.addTenant()).accounts;
    const typed = await send(vk, { ...phone, external_chat_id: 'typed' });
    expect(typed.payload).toMatchObject({
      client: { phone: null },
      client_phone: phone.client_phone,
    });

    const own = await send(whatsapp, { ...phone, external_chat_id: '79991234567' });
    expect(own.client_id).not.toBe(typed.client_id);
    expect(own.payload.client.phone).toBe(phone.client_phone);

    const sure = { ...phone, phone_verified: true, external_chat_id: 'sure' };
    const verified = await send(telegram, sure);
    expect(verified.client_id).toBe(own.client_id);
    expect(verified.story.matched_by).toBe('phone');

    for (const phone_verified of [false, null]) {
      const stranger = await send(telegram, { ...phone, phone_verified });
      expect(stranger.story.matched_by).toBe('created');
      expect(stranger.payload.client.phone).toBeNull();
    }
  });

  test('is filled in once the channel vouches for it', async () => {
    const { max } = (await contour.addTenant()).accounts;
    const chat = { external_chat_id: 'g', client_phone: '+79991234568' };
    expect((await send(max, chat)).payload.client.phone).toBeNull();
    const verified = await send(max, { ...chat, phone_verified: true });
    expect(verified.payload.client.phone).toBe(chat.client_phone);
    expect(verified.story.matched_by).toBe('identity');
  });
});

test('every promise is kept', async () => {
  expect(await contour.check({ accepted })).toEqual([]);
});
