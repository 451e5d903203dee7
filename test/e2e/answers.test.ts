import { maskCredential } from '@contour/contract';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf, messageTo } from '../support/messages.ts';
import { type Accepted, type Answer, get, request, resolve } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { makeCredential, switchAccount, switchTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

let contour: Contour;
const accepted: Accepted[] = [];
const otherCredentials: string[] = [];
beforeAll(async () => {
  contour = await startContour({
    neo4jUri: inject('neo4j').uri,
    env: { MAX_PARKED_PER_ACCOUNT: '3' },
  });
});
afterAll(() => contour?.close());

function keep(answer: Answer): Answer {
  expect(answer.text).toContain('"accepted":true');
  expect(answer.status).toBe(200);
  accepted.push({ messageId: answer.json.message_id, answer: answer.text });
  return answer;
}

function unknownAccount() {
  const credential = makeCredential('telegram');
  otherCredentials.push(credential);
  return { id: 0, channel: 'telegram' as const, credential, fingerprint: '' };
}

describe('a message that was accepted before', () => {
  test('gets the same answer, with any trace id and any order of its ids', async () => {
    const { telegram } = (await contour.addTenant()).accounts;
    const body = messageTo(telegram, { message_ids: ['a', 'b'], trace_id: 'first' });
    const first = keep(await resolve(contour.url, body));
    const again = await resolve(contour.url, {
      ...body,
      message_ids: ['b', 'a', 'b'],
      trace_id: 'second',
    });
    expect(again.text).toBe(first.text);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(first.headers.get('idempotent-replayed')).toBeNull();
  });

  test('gets 409 when its text or media differ, and nothing is stored', async () => {
    const { telegram } = (await contour.addTenant()).accounts;
    const body = messageTo(telegram);
    const first = keep(await resolve(contour.url, body));
    for (const change of [{ text: 'Another' }, { media: { photo: 1 } }]) {
      const answer = await resolve(contour.url, { ...body, ...change, trace_id: 'conflicting' });
      expect(answer.status).toBe(409);
      expect(answer.json).toMatchObject({ code: 'message_conflict', trace_id: 'conflicting' });
    }
    const { rows } = await contour.database.pool.query(
      "select payload->>'text' as text from messages where dialog_id = $1",
      [first.json.dialog_id],
    );
    expect(rows).toEqual([{ text: 'Hello' }]);
  });
});

describe('a tenant or an account that is switched off', () => {
  /** Sends until the answer has the wanted status. A second after the switch every answer has it. */
  async function turned(send: () => Promise<Answer>, wanted: number): Promise<Answer> {
    const turnedAt = Date.now();
    return waitFor(`a ${wanted}`, async () => {
      const sentAt = Date.now();
      const answer = await send();
      if (answer.status === 200) keep(answer);
      if (sentAt - turnedAt > 1000) expect(answer.status).toBe(wanted);
      return answer.status === wanted && answer;
    });
  }

  test.each(['tenant', 'account'])('%s: gets 403 within a second, and 200 again', async (what) => {
    const tenant = await contour.addTenant();
    const { telegram, vk } = tenant.accounts;
    const { pool } = contour.database;
    const turn = (isActive: boolean) =>
      what === 'tenant'
        ? switchTenant(pool, tenant.id, isActive)
        : switchAccount(pool, telegram.id, isActive);
    const send = () => resolve(contour.url, messageTo(telegram));
    keep(await send());

    await turn(false);
    const refused = await turned(send, 403);
    expect(refused.json).toMatchObject({
      code: 'tenant_disabled',
      reason: 'tenant_disabled',
      detail: 'Tenant disabled',
      accepted: false,
    });
    const neighbour = await resolve(contour.url, messageTo(vk));
    if (what === 'tenant') expect(neighbour.status).toBe(403);
    else keep(neighbour);

    await turn(true);
    await turned(send, 200);
  });
});

describe('a credential that no tenant has', () => {
  test('gets 404, and the message is parked once, without the credential, and has a receipt', async () => {
    const account = unknownAccount();
    const body = messageTo(account, {
      trace_id: 'lost',
      media: { url: `x/${account.credential}` },
    });
    const answer = await resolve(contour.url, body);
    expect(answer.status).toBe(404);
    expect(answer.json).toMatchObject({
      code: 'unknown_tenant',
      reason: 'unknown_tenant',
      accepted: false,
      trace_id: 'lost',
    });
    expect((await resolve(contour.url, body)).status).toBe(404);

    const id = idOf(body);
    const entry = await get(`${contour.url}/dlq/${id}`);
    expect(entry.status).toBe(200);
    expect(Object.keys(entry.json).sort()).toEqual(
      [
        ...['id', 'reason', 'stage', 'message_id', 'trace_id', 'channel', 'account', 'error'],
        ...['external_chat_id', 'tenant_id', 'client_id', 'dialog_id', 'attempts', 'message'],
        ...['received_at', 'failed_at'],
      ].sort(),
    );
    expect(entry.json).toMatchObject({
      id,
      reason: 'unknown_tenant',
      stage: 'resolve',
      message_id: id,
      trace_id: 'lost',
      channel: 'telegram',
      account: { mask: maskCredential(account.credential) },
      external_chat_id: body.external_chat_id,
      tenant_id: null,
      client_id: null,
      dialog_id: null,
      message: { text: 'Hello', media: { url: 'x/{credential}' } },
    });
    const { fingerprint } = entry.json.account;
    const list = await get(`${contour.url}/dlq?fingerprint=${fingerprint}`);
    expect(list.json).toMatchObject({ count: 1, next: null });
    expect(await storyIn(contour, id, 'parked')).toMatchObject({
      message_id: id,
      trace_id: 'lost',
      tenant_id: null,
      seq: null,
    });
  });

  test('is replayed from the dead-letter queue once its account is registered', async () => {
    const account = unknownAccount();
    const body = messageTo(account);
    expect((await resolve(contour.url, body)).status).toBe(404);
    const id = idOf(body);
    const tenant = await contour.addTenant();

    const inVain = await request('POST', `${contour.url}/dlq/${id}/replay`);
    expect(inVain.json).toEqual({ matched: 1, replayed: 1 });
    expect((await get(`${contour.url}/dlq/${id}`)).json.reason).toBe('unknown_tenant');

    await contour.database.pool.query(
      'insert into channel_accounts (tenant_id, channel_id, account_id) values ($1, 1, $2)',
      [tenant.id, account.credential],
    );
    const replayed = await request('POST', `${contour.url}/dlq/${id}/replay`);
    expect(replayed.status).toBe(200);
    expect(await storyIn(contour, id, 'delivered')).toMatchObject({ tenant_id: tenant.id, seq: 1 });
    expect((await get(`${contour.url}/dlq/${id}`)).status).toBe(404);
    keep(await resolve(contour.url, body));
  });

  test('fills its own allowance and no more', async () => {
    const account = unknownAccount();
    const bodies = Array.from({ length: 5 }, () => messageTo(account));
    const answers: Answer[] = [];
    for (const body of bodies) answers.push(await resolve(contour.url, body));
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    const details = answers.map(({ json }) => json.detail);
    expect(new Set(details.slice(0, 3)).size).toBe(1);
    expect(new Set(details.slice(3)).size).toBe(1);
    expect(details[3]).not.toBe(details[2]);
    const parked = (await contour.dlq()).map(({ id }) => id);
    expect(bodies.map((body) => parked.includes(idOf(body)))).toEqual([
      ...[true, true, true, false, false],
    ]);
  });
});

test('past RATE_LIMIT a sender gets 429, and later 200 again', async () => {
  const limited = await contour.startApi({ RATE_LIMIT: '5' });
  const { telegram } = (await contour.addTenant()).accounts;
  const bodies = Array.from({ length: 30 }, () => messageTo(telegram));
  const answers = await Promise.all(bodies.map((body) => resolve(limited.url, body)));
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.json).toMatchObject({ code: 'too_many_requests', accepted: false });
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  const welcome = answers.filter(({ status }) => status === 200).map(keep);
  expect(welcome.length).toBeGreaterThanOrEqual(5);
  expect((await get(`${limited.url}/health`)).status).toBe(200);
  const repeat = async () => (await resolve(limited.url, bodies[0])).status === 200;
  await waitFor('a 200 again', repeat, { everyMs: 200 });
});

describe('the receipt', () => {
  test('shows how the message was matched and where it is', async () => {
    const tenant = await contour.addTenant();
    const body = messageTo(tenant.accounts.avito, { trace_id: `trace-${tenant.id}` });
    const { json } = keep(await resolve(contour.url, body));
    const story = await storyIn(contour, json.message_id, 'delivered');
    expect(story).toMatchObject({
      message_id: json.message_id,
      trace_id: `trace-${tenant.id}`,
      tenant_id: tenant.id,
      client_id: json.client_id,
      dialog_id: json.dialog_id,
      seq: 1,
      matched_by: 'created',
      is_new_client: true,
      is_new_dialog: true,
      attempts: 1,
      last_error: null,
    });
    for (const time of ['received_at', 'resolved_at', 'delivered_at']) {
      expect(Date.parse(story[time])).toBeGreaterThan(Date.now() - 60_000);
    }
    expect(JSON.stringify(story)).not.toContain('Hello');
    const byTrace = await get(`${contour.url}/messages?trace_id=trace-${tenant.id}`);
    expect(byTrace.json).toEqual({ items: [story] });
  });

  test('is 404 for an unknown message and empty for an unknown trace', async () => {
    const unknown = await get(`${contour.url}/messages/${idOf(messageTo(unknownAccount()))}`);
    expect(unknown.status).toBe(404);
    const byTrace = await get(`${contour.url}/messages?trace_id=unknown`);
    expect(byTrace.json).toEqual({ items: [] });
  });
});

test('/health shows which parts are up', async () => {
  const look = async () => {
    const answer = await get(`${contour.url}/health`);
    return answer.json.workers === 1 && answer;
  };
  const answer = await waitFor('one worker in /health', look);
  expect(answer.json).toEqual({
    status: 'ok',
    postgres: true,
    neo4j: inject('neo4j').uri === undefined ? null : true,
    redis: true,
    workers: 1,
  });
  expect((await get(`${contour.url}/livez`)).status).toBe(200);
  expect((await get(`${contour.url}/readyz`)).status).toBe(200);
});

test('no answer, log, queue or payload holds a credential, and every promise is kept', async () => {
  expect(await contour.check({ accepted, otherCredentials })).toEqual([]);
});
