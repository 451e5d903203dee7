import type { Channel, DlqEntry, IncomingMessage } from '@contour/contract';
import type { FailFastRedis } from './connection.ts';
import { type DlqFilter, readEntry } from './dlq-filter.ts';
import { digestOf, JOB, removeEntries } from './dlq-scripts.ts';
import { WAITING, WAITING_NOTES } from './dlq-waiting-notes.ts';

const PAGE_ENTRIES = 200;
const PAGE_BYTES = 4 * 1024 * 1024;
const ACCOUNTS_AT_ONCE = 1_000;
/** Who releases says so before every page, so one that died is followed soon. */
const LEAD_MS = 5_000;
const LEADER = `${WAITING}:leader`;

// A page never ends between two entries of one millisecond: their order is that of their parking.
const READ = `
local key = '${WAITING}:' .. ARGV[1]
local page, bytes, last = {}, 0, nil
local function take(id, received)
  local text = redis.call('HGET', '${JOB}' .. id, 'data') or ''
  local place = redis.call('ZSCORE', '${JOB}prioritized', id) or '0'
  page[#page + 1] = {id, received, place, text}
  bytes = bytes + #text
end
local found = redis.call('ZRANGEBYSCORE', key, ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ${PAGE_ENTRIES})
for i = 1, #found, 2 do
  if last and found[i + 1] ~= last and bytes > ${PAGE_BYTES} then return page end
  last = found[i + 1]
  take(found[i], last)
end
if last then
  local known = {}
  for _, row in ipairs(page) do known[row[1]] = true end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, last, last)) do
    if not known[id] then take(id, last) end
  end
end
return page`;

const NOTE = `${WAITING_NOTES}
for i = 1, #ARGV, 4 do note(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end`;

const FORGET = `${WAITING_NOTES}
for i = 3, #ARGV do forget(ARGV[1], ARGV[2], ARGV[i]) end`;

// It begins by removing: a full Redis refuses a script that begins by adding, and is relieved by releasing.
const LEAD = `
redis.call('DEL', KEYS[1] .. ':none')
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

export interface WaitingAccount {
  channel: Channel;
  fingerprint: string;
}

export interface WaitingEntry {
  entry: DlqEntry & { message: IncomingMessage };
  /** By which `remove` knows it again. */
  digest: string;
}

/** Entries by the account they wait for. Every method throws AppError('redis_unavailable'). */
export interface WaitingEntries {
  /** Some of the accounts for which something waits; the cursor '0' begins, and ends, a round. */
  accounts(cursor: string): Promise<{ accounts: WaitingAccount[]; next: string }>;
  /** In the order in which they were received; `gone` are notes of entries that are not there. */
  read(
    account: WaitingAccount,
    after: string | null,
  ): Promise<{ entries: WaitingEntry[]; gone: string[]; next: string | null }>;
  /** Those that are still as they were read. */
  remove(entries: readonly WaitingEntry[]): Promise<number>;
  /** The entries stay, and wait for nothing but a replay. */
  forget(account: WaitingAccount, ids: readonly string[]): Promise<void>;
  /** Notes what was parked before there were notes. */
  noteAll(): Promise<void>;
  /** Whether `owner` may release for the next seconds; nobody else may meanwhile. */
  lead(owner: string): Promise<boolean>;
}

const keyOf = ({ channel, fingerprint }: WaitingAccount) => `${channel}:${fingerprint}`;

function accountOf(key: string): WaitingAccount {
  const [channel = '', fingerprint = ''] = key.split(':');
  return { channel: channel as Channel, fingerprint };
}

type Row = [id: string, received: string, place: string, text: string];

const inOrder = (a: Row, b: Row) => Number(a[1]) - Number(b[1]) || Number(a[2]) - Number(b[2]);

function entryOf([, , , text]: Row): WaitingEntry[] {
  const entry = readEntry(text);
  if (entry === undefined || entry.message === null) return [];
  return [{ entry: { ...entry, message: entry.message }, digest: digestOf(text) }];
}

export function createWaitingEntries(
  { client, ask }: FailFastRedis,
  matching: (filter: DlqFilter) => AsyncIterable<DlqEntry[]>,
): WaitingEntries {
  async function noteSome(entries: readonly DlqEntry[]): Promise<void> {
    const notes = entries.flatMap(({ id, message, receivedAt }) =>
      message === null ? [] : [message.channel, message.fingerprint, id, Date.parse(receivedAt)],
    );
    if (notes.length > 0) await ask(() => client.eval(NOTE, 0, ...notes));
  }
  return {
    accounts: (cursor) =>
      ask(async () => {
        const [next, keys] = await client.sscan(WAITING, cursor, 'COUNT', ACCOUNTS_AT_ONCE);
        return { accounts: keys.map(accountOf), next };
      }),
    read: (account, after) =>
      ask(async () => {
        const from = after === null ? '-inf' : `(${after}`;
        const rows = (await client.eval(READ, 0, keyOf(account), from)) as Row[];
        return {
          entries: rows.toSorted(inOrder).flatMap(entryOf),
          gone: rows.filter(([, , , text]) => text === '').map(([id]) => id),
          next: rows.at(-1)?.[1] ?? null,
        };
      }),
    remove: (entries) =>
      ask(() =>
        removeEntries(
          client,
          entries.map(({ entry, digest }) => ({ id: entry.id, digest })),
          'let_in',
        ),
      ),
    forget: async ({ channel, fingerprint }, ids) => {
      if (ids.length > 0) await ask(() => client.eval(FORGET, 0, channel, fingerprint, ...ids));
    },
    noteAll: async () => {
      for (const reason of ['unknown_tenant', 'tenant_disabled'] as const) {
        for await (const entries of matching({ reason })) await noteSome(entries);
      }
    },
    lead: (owner) =>
      ask(async () => Number(await client.eval(LEAD, 1, LEADER, owner, LEAD_MS)) === 1),
  };
}
