import type { Redis } from 'ioredis';
import { loadScript } from '../redis/script.ts';

/*
 * Counts, for each account, the messages that the API has added and that wait to be resolved. An account with many
 * waiting messages gets a lower priority: its jobs are taken after those of all other accounts. It keeps this priority
 * until none of its messages waits, so that their order is kept.
 *
 * | waiting           | fewer than 100 | from 100 | from 1 000 | a replay |
 * | BullMQ's priority | 0 (none)       | 1        | 2          | 3        |
 *
 * The counts are hints. Once a second a count that a crash left too high is cut to the length of the queue, and all
 * counts are dropped if the queue is empty.
 */
const WAITING_KEY = 'contour:waiting';
const PRIORITIES_KEY = 'contour:waiting-rows';

const PRIORITY_FROM = [100, 1_000] as const;
export const REPLAY_PRIORITY = PRIORITY_FROM.length + 1;

/** The types of the keys in which BullMQ has jobs that have not ended. */
const QUEUED = ['wait', 'paused', 'active', 'prioritized', 'delayed'];

const COUNT_DOWN = loadScript(import.meta.dirname, 'count-down.lua');
const READ_COUNTS = loadScript(import.meta.dirname, 'read-counts.lua');

export const priorityFor = (waiting: number): number =>
  PRIORITY_FROM.filter((from) => waiting >= from).length;

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
export async function countDown(client: Redis, accounts: readonly string[]): Promise<void> {
  if (accounts.length === 0) return;
  await COUNT_DOWN.run(client, [WAITING_KEY], [...countsOf(accounts)].flat());
}

/** The counts that this process knows: updated with every message that it adds, and once a second. */
export interface AccountWaiting {
  /** Counts one more message for each mention of an account. Call it together with adding the jobs. */
  add(accounts: readonly string[]): Promise<void>;
  priorityOf(account: string): number;
  countOf(account: string): number;
  /** Reads the counts of all processes. */
  read(): Promise<void>;
}

export function createAccountWaiting(
  client: Redis,
  queue: { toKey(type: string): string },
): AccountWaiting {
  let counts = new Map<string, number>();
  let priorities = new Map<string, number>();

  function note(account: string, count: number): void {
    counts.set(account, count);
    const priority = priorityFor(count);
    if (priority <= (priorities.get(account) ?? 0)) return;
    priorities.set(account, priority);
    // Kept while fewer messages wait: new messages must not overtake those of this priority.
    client.hset(PRIORITIES_KEY, account, priority).catch(() => undefined);
  }

  return {
    async add(accounts) {
      const added = [...countsOf(accounts)];
      // Counted here first, so that later batches see it before Redis has answered.
      for (const [account, n] of added) note(account, (counts.get(account) ?? 0) + n);
      const answers = await Promise.allSettled(
        added.map(([account, n]) => client.zincrby(WAITING_KEY, n, account)),
      );
      for (const [i, [account]] of added.entries()) {
        const count = answers[i];
        if (count?.status === 'fulfilled') note(account, Number(count.value));
      }
    },
    priorityOf: (account) => priorities.get(account) ?? 0,
    countOf: (account) => counts.get(account) ?? 0,
    async read() {
      const keys = [WAITING_KEY, PRIORITIES_KEY, ...QUEUED.map((type) => queue.toKey(type))];
      const answer = await READ_COUNTS.run(client, keys, PRIORITY_FROM);
      const [many, known] = answer as [string[], string[]];
      counts = pairs(many);
      priorities = pairs(known);
    },
  };
}
