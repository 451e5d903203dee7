import type { Redis } from 'ioredis';

/*
 * How many messages of each account wait to be resolved, among those that the API has added. An account with many of
 * them moves to a row further back: its jobs are taken after all jobs of the rows before. It stays there until none of
 * its messages waits, so that their order is kept.
 *
 * | waiting | fewer than 100 | from 100 | from 1 000 | a replay |
 * | row     | 0              | 1        | 2          | 3        |
 *
 * A row is a priority of BullMQ. Counts are hints. Once a second a count that a crash has left too high is cut to the
 * length of the queue, and all counts are dropped if the queue is empty.
 */
const WAITING_KEY = 'contour:waiting';
const ROWS_KEY = 'contour:waiting-rows';

const ROW_FROM = [100, 1_000] as const;
export const REPLAY_ROW = ROW_FROM.length + 1;

const rowFor = (count: number): number => ROW_FROM.filter((from) => count >= from).length;

// Removes first: a full Redis refuses a script that begins by adding.
const REMOVE = `
for i = 1, #ARGV, 2 do
  local left = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or 0) - ARGV[i + 1]
  redis.call('ZREM', KEYS[1], ARGV[i])
  if left > 0 then redis.call('ZADD', KEYS[1], left, ARGV[i]) end
end`;

const LOOK = `
local waiting, rows = KEYS[1], KEYS[2]
local there = redis.call('LLEN', KEYS[3]) + redis.call('LLEN', KEYS[4]) + redis.call('LLEN', KEYS[5])
  + redis.call('ZCARD', KEYS[6]) + redis.call('ZCARD', KEYS[7])
if there == 0 then
  redis.call('DEL', waiting, rows)
  return {{}, {}}
end
for _, account in ipairs(redis.call('ZRANGEBYSCORE', waiting, '(' .. there, '+inf')) do
  redis.call('ZREM', waiting, account)
  redis.call('ZADD', waiting, there, account)
end
local many = redis.call('ZRANGEBYSCORE', waiting, ARGV[1], '+inf', 'WITHSCORES')
for i = 1, #many, 2 do
  local row = 0
  for _, from in ipairs(ARGV) do
    if tonumber(many[i + 1]) >= tonumber(from) then row = row + 1 end
  end
  if row > tonumber(redis.call('HGET', rows, many[i]) or 0) then redis.call('HSET', rows, many[i], row) end
end
local known = redis.call('HGETALL', rows)
for i = 1, #known, 2 do
  if not redis.call('ZSCORE', waiting, known[i]) then redis.call('HDEL', rows, known[i]) end
end
return {many, redis.call('HGETALL', rows)}`;

const QUEUE_KEYS = ['wait', 'paused', 'active', 'prioritized', 'delayed'];

function pairs(flat: readonly string[]): Map<string, number> {
  const map = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) map.set(flat[i] ?? '', Number(flat[i + 1]));
  return map;
}

function countsOf(accounts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const account of accounts) counts.set(account, (counts.get(account) ?? 0) + 1);
  return counts;
}

/** Counts down one message for each mention of an account. */
export async function removeWaiting(client: Redis, accounts: readonly string[]): Promise<void> {
  if (accounts.length === 0) return;
  await client.eval(REMOVE, 1, WAITING_KEY, ...[...countsOf(accounts)].flat());
}

/** The counts that this process knows: updated with every message that it adds, and once a second. */
export interface AccountWaiting {
  /** Counts one more message for each mention of an account. Call it together with adding the jobs. */
  add(accounts: readonly string[]): Promise<void>;
  rowOf(account: string): number;
  countOf(account: string): number;
  look(): Promise<void>;
}

export function createAccountWaiting(
  client: Redis,
  queue: { toKey(type: string): string },
): AccountWaiting {
  let counts = new Map<string, number>();
  let rows = new Map<string, number>();

  function note(account: string, count: number): void {
    counts.set(account, count);
    const row = rowFor(count);
    if (row <= (rows.get(account) ?? 0)) return;
    rows.set(account, row);
    // The account stays in this row while fewer messages wait: new ones must not overtake those in it.
    client.hset(ROWS_KEY, account, row).catch(() => undefined);
  }

  return {
    async add(accounts) {
      const added = [...countsOf(accounts)];
      // Counted here first, so that later batches see it before Redis has answered.
      for (const [account, n] of added) note(account, (counts.get(account) ?? 0) + n);
      const asked = added.map(([account, n]) => client.zincrby(WAITING_KEY, n, account));
      const told = await Promise.allSettled(asked);
      for (const [i, [account]] of added.entries()) {
        const count = told[i];
        if (count?.status === 'fulfilled') note(account, Number(count.value));
      }
    },
    rowOf: (account) => rows.get(account) ?? 0,
    countOf: (account) => counts.get(account) ?? 0,
    async look() {
      const keys = [WAITING_KEY, ROWS_KEY, ...QUEUE_KEYS.map((key) => queue.toKey(key))];
      const seen = await client.eval(LOOK, keys.length, ...keys, ...ROW_FROM);
      const [many, known] = seen as [string[], string[]];
      counts = pairs(many);
      rows = pairs(known);
    },
  };
}
