import { fingerprintOf } from '@contour/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, idOf, messagesOf, messageTo } from '../support/messages.ts';
import { slowTest } from '../support/seed.ts';
import { get, resolve } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { addToStreams, withFingerprint } from '../support/streams.ts';
import {
  addAccount,
  makeCredential,
  switchAccount,
  switchTenant,
  type TestAccount,
} from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const unknown = (): TestAccount => {
  const credential = makeCredential('telegram');
  return { id: 0, channel: 'telegram', credential, fingerprint: fingerprintOf(credential) };
};

/** The texts of each chat's messages, in the order of the ledger. */
async function orderOf({ database }: Contour, account: TestAccount): Promise<string[]> {
  const { rows } = await database.pool.query<{ texts: string[] }>(
    `select array_agg(payload->>'text' order by seq) as texts
       from messages m join channel_accounts a on a.id = m.channel_account_id
      where a.fingerprint = $1 group by dialog_id order by min(payload->>'text')`,
    [account.fingerprint],
  );
  return rows.map(({ texts }) => texts.join(', '));
}

async function parked(contour: Contour, { fingerprint }: TestAccount): Promise<number> {
  return (await get(`${contour.url}/dlq?fingerprint=${fingerprint}&limit=1`)).json.count;
}

const untilParked = (contour: Contour, account: TestAccount, count: number) =>
  waitFor(`${count} entries`, async () => (await parked(contour, account)) === count, {
    deadlineMs: 30_000,
  });

const acceptedOf = (bodies: readonly Body[]) =>
  bodies.map((body) => ({ messageId: idOf(body), answer: null }));

/** The messages as stream entries. */
const asEntries = (bodies: readonly Body[], account: TestAccount) =>
  bodies.map((body) => withFingerprint(body, account));

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({ workers: 2 });
});
afterAll(() => contour?.close());

describe('with two workers', () => {
  test('messages of an unknown credential are delivered in order once its account is registered', async () => {
    const account = unknown();
    const bodies = [...messagesOf(account, { count: 12, chats: 3 })];
    for (const body of bodies) expect((await resolve(contour.url, body)).status).toBe(404);
    expect(await parked(contour, account)).toBe(12);
    const tenant = await contour.addTenant();
    await addAccount(contour.database.pool, tenant.id, 'telegram', account.credential);

    const addedAt = Date.now();
    for (const body of bodies) await storyIn(contour, idOf(body), 'delivered');
    console.log(`released and delivered in ${Date.now() - addedAt} ms`);
    expect(await parked(contour, account)).toBe(0);
    expect(await orderOf(contour, account)).toEqual([
      'message 0, message 3, message 6, message 9',
      'message 1, message 4, message 7, message 10',
      'message 2, message 5, message 8, message 11',
    ]);
    const logs = contour.workers.map((worker) => worker.output()).join('\n');
    const released = logs.split('\n').filter((line) => line.includes('"dlq.released"'));
    expect(released).toHaveLength(1);
    expect(JSON.parse(released[0] ?? '')).toMatchObject({
      count: 12,
      fingerprint: account.fingerprint,
      tenant_id: tenant.id,
    });
  });

  test.each(['tenant', 'account'])(
    'messages to a switched-off %s are delivered when it is switched on',
    async (kind) => {
      const tenant = await contour.addTenant();
      const { pool } = contour.database;
      const { telegram } = tenant.accounts;
      const toggle = (isActive: boolean) =>
        kind === 'tenant'
          ? switchTenant(pool, tenant.id, isActive)
          : switchAccount(pool, telegram.id, isActive);
      await toggle(false);
      const bodies = [...messagesOf(telegram, { count: 10, chats: 1 })];
      await addToStreams(contour.redis.url, asEntries(bodies, telegram));
      await untilParked(contour, telegram, 10);
      await toggle(true);
      for (const body of bodies) await storyIn(contour, idOf(body), 'delivered');
      await untilParked(contour, telegram, 0);
      expect(await orderOf(contour, telegram)).toEqual([bodies.map(({ text }) => text).join(', ')]);
    },
  );

  test('a credential that has moved to another tenant brings it no messages of the former one', async () => {
    const { pool } = contour.database;
    const [former, latter] = [await contour.addTenant(), await contour.addTenant()];
    const { telegram } = former.accounts;
    await switchTenant(pool, former.id, false);
    const stays = messageTo(telegram);
    await addToStreams(contour.redis.url, asEntries([stays], telegram));
    await untilParked(contour, telegram, 1);
    await pool.query('update channel_accounts set tenant_id = $2 where id = $1', [
      telegram.id,
      latter.id,
    ]);
    // The release of another account's entry shows that this entry was passed over.
    const account = unknown();
    const marker = messageTo(account);
    expect((await resolve(contour.url, marker)).status).toBe(404);
    await addAccount(pool, latter.id, 'telegram', account.credential);
    await storyIn(contour, idOf(marker), 'delivered');
    expect(await parked(contour, telegram)).toBe(1);
    await storyIn(contour, idOf(stays), 'parked');
  });

  test('the checker finds no violation', async () => {
    expect(await contour.check({ accepted: [] })).toEqual([]);
  });
});

slowTest('kill -9 in the middle of a release loses and duplicates nothing', async () => {
  const COUNT = 1_000;
  const contour = await startContour({ workers: 2 });
  try {
    const { pool } = contour.database;
    const tenant = await contour.addTenant();
    const { telegram } = tenant.accounts;
    await switchTenant(pool, tenant.id, false);
    const bodies = [...messagesOf(telegram, { count: COUNT, chats: 20 })];
    await addToStreams(contour.redis.url, asEntries(bodies, telegram));
    await untilParked(contour, telegram, COUNT);
    await switchTenant(pool, tenant.id, true);

    const known = async () =>
      (await pool.query<{ n: number }>('select count(*)::int as n from messages')).rows[0]?.n ?? 0;
    await waitFor('the release to begin', async () => (await known()) > 0, { everyMs: 2 });
    const { rows } = await pool.query<{ holder: string }>(
      "select holder from parked_turns where duty = 'release'",
    );
    const leader = rows[0]?.holder ?? '';
    expect(leader).not.toBe('');
    await contour.workers.find((worker) => worker.output().includes(leader))?.kill('SIGKILL');
    const atKill = await known();
    expect(atKill).toBeLessThan(COUNT);
    console.log(`killed with ${atKill} of ${COUNT} let in`);
    await untilParked(contour, telegram, 0);
    expect(await known()).toBe(COUNT);
    expect(await contour.check({ accepted: acceptedOf(bodies) })).toEqual([]);
    for (const texts of await orderOf(contour, telegram)) {
      const numbers = texts.match(/\d+/g)?.map(Number) ?? [];
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  } finally {
    await contour.close();
  }
});

test('with RELEASE_PARKED=false parked messages stay until they are replayed', async () => {
  await Promise.all(contour.workers.map((worker) => worker.stop()));
  const { url } = await contour.startWorker({ RELEASE_PARKED: 'false' });
  const account = unknown();
  const body = messageTo(account);
  expect((await resolve(contour.url, body)).status).toBe(404);
  const tenant = await contour.addTenant();
  await addAccount(contour.database.pool, tenant.id, 'telegram', account.credential);
  // A worker without the counter of releases has no such duty.
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain('contour_parked_total');
  expect(metrics).not.toContain('contour_dlq_released_total');
  await storyIn(contour, idOf(body), 'parked');
  await contour.startWorker({ RELEASE_PARKED: 'true' });
  await storyIn(contour, idOf(body), 'delivered');
});
