import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { openAsStore, type Pool } from '../../../test/support/outside-pool.ts';
import { resolveBatch, settle, takeDue } from '../src/index.ts';
import { arrival, type Bundle, openBundle } from './bundle.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

/** One connection like a worker's, which has run every statement once while the tables were empty. */
async function openEarly(bundle: Bundle): Promise<Pool> {
  const pool = openAsStore({
    url: bundle.url,
    applicationName: 'plans',
    max: 1,
    isForLookups: true,
    onError: () => undefined,
  });
  onTestFinished(() => pool.end());
  await work(bundle, pool);
  return pool;
}

/** Resolves, takes and settles a message. */
async function work(bundle: Bundle, pool: Pool): Promise<void> {
  const options = { linkByPhone: true, shardCount: 1 };
  await resolveBatch(pool, [arrival(bundle.tenant)], options);
  const limits = { lanes: 10, messagesPerLane: 10, notDialogs: [], lanesPerTenant: 10, rooms: [] };
  const lanes = await takeDue(pool, { ...limits, shards: [0] });
  const attempts = lanes.flatMap(({ messages }) =>
    messages.map((message) => ({
      ...message,
      ...{ earlier: message.attempts, status: 'delivered' as const, error: null },
    })),
  );
  await settle(pool, { attempts, emptied: lanes, postponed: [] });
}

async function fill({ pool }: Bundle): Promise<void> {
  await pool.query(
    `insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id, content_hash, payload,
                           matched_by, is_new_client, is_new_dialog, received_at, status)
     select tenant_id, gen_random_uuid(), gen_random_uuid(), client_id, channel_account_id, 1, 't', 'h', payload,
            'identity', false, false, now(), 'delivered'
       from messages, generate_series(1, 5000)`,
  );
}

/** The plan of the statement on this connection. */
async function planOf(pool: Pool, verb: string, parameters: string): Promise<string> {
  const { rows } = await pool.query(`explain (costs off) execute ${verb}(${parameters})`);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

const IN_LEDGER = ['find_in_ledger', "'{}', '{}'"] as const;
const SETTLE = [
  'settle',
  "'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'",
] as const;
const BY_KEY =
  /Index Scan using messages_pkey on messages m\n\s+Index Cond: \(\(id = \w+\.id\) AND \(tenant_id = \w+\.tenant_id\)\)/;

test('a connection plans again after a table has grown', async () => {
  const bundle = await openBundle();
  const pool = await openEarly(bundle);
  await fill(bundle);
  vi.advanceTimersByTime(1_100);
  await work(bundle, pool);
  expect(await planOf(pool, ...IN_LEDGER)).toMatch(BY_KEY);
  expect(await planOf(pool, ...SETTLE)).toMatch(BY_KEY);
});

/** The times at which the one connection discards its plans from now on, in seconds. */
async function watchDiscards(pool: Pool): Promise<number[]> {
  const startedAt = performance.now();
  const discards: number[] = [];
  const client = await pool.connect();
  const query = client.query.bind(client);
  vi.spyOn(client, 'query').mockImplementation(((...args: Parameters<typeof query>) => {
    if ((args[0] as unknown) === 'discard plans')
      discards.push(Math.round((performance.now() - startedAt) / 1000));
    return query(...args);
  }) as never);
  client.release();
  return discards;
}

test('a connection plans again at the next use after slow work', async () => {
  const bundle = await openBundle();
  const pool = await openEarly(bundle);
  const discards = await watchDiscards(pool);
  const client = await pool.connect();
  vi.advanceTimersByTime(300);
  client.release();
  expect(discards).toEqual([]);
  await work(bundle, pool);
  expect(discards).toEqual([0]);
});

test('a connection plans at most once a second if all work is slow', async () => {
  const bundle = await openBundle();
  const pool = await openEarly(bundle);
  const discards = await watchDiscards(pool);
  for (let use = 0; use < 12; use += 1) {
    const client = await pool.connect();
    vi.advanceTimersByTime(250);
    client.release();
  }
  expect(discards).toEqual([0, 1, 2]);
});

test('a connection keeps its plans for longer and longer, up to a minute', async () => {
  const bundle = await openBundle();
  const pool = await openEarly(bundle);
  const discards = await watchDiscards(pool);
  for (let second = 1; second <= 240; second += 1) {
    vi.advanceTimersByTime(1_000);
    await pool.query('select 1');
  }
  expect(discards).toEqual([1, 3, 7, 15, 31, 63, 123, 183]);
});
