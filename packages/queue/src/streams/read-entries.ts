import type { Redis } from 'ioredis';
import { CONSUMER, GROUP, leaseKey, streamKey, tallyKey } from './keys.ts';

/** Entries that a batch of takes down its reader are tried one by one from this delivery on. */
const SUSPICIOUS_DELIVERIES = 3;
/** What another consumer of the group has left lying for so long is nobody's. */
const LEFT_LYING_MS = 10_000;

// Only the owner reads: who lost the shard while it stood still learns it here, in one script with the
// reading. All that was added to a stream is there, or was done, or somebody else has removed it: the
// tally says how much that is, over the lives of a stream that was deleted.
const READ = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'not ours'} end
local stream, tally, group, consumer = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
local isNew = ARGV[5] == 'new'
local function inGroup(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err and string.find(reply.err, 'NOGROUP') then
    redis.call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
    reply = redis.pcall(...)
  end
  return reply
end
local count = ARGV[4]
local deliveries = 1
if not isNew then
  local claimed = inGroup('XAUTOCLAIM', stream, group, consumer, ARGV[7], '0', 'JUSTID')
  if claimed.err then return claimed end
  local first = redis.call('XPENDING', stream, group, '-', '+', 1)[1]
  if first then
    deliveries = first[4] + 1
    if first[4] >= tonumber(ARGV[6]) then count = 1 end
  end
end
local reply = inGroup('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', stream,
                      isNew and '>' or '0')
if reply and reply.err then return reply end

local entries = reply and reply[1][2] or {}
local info, added = redis.call('XINFO', 'STREAM', stream), nil
for i = 1, #info, 2 do if info[i] == 'entries-added' then added = info[i + 1] end end
-- Redis tells it from 7.0 on; before, nobody can know what is missing.
if not added then return {'read', 0, deliveries, entries} end
local there = redis.call('XLEN', stream)
local known = redis.call('HMGET', tally, 'added', 'done', 'lost', 'told')
local before, done, lost = tonumber(known[1]), tonumber(known[2]), tonumber(known[3] or 0)
if not before then
  done = added - there
elseif added < before then
  lost = lost + math.max(0, before - done)
  done = 0
end
local total = lost + math.max(0, added - there - done)
local told = math.min(tonumber(known[4] or 0), total)
redis.call('HSET', tally, 'added', added, 'done', done, 'lost', lost, 'told', total)
return {'read', total - told, deliveries, entries}`;

// Counted as done when it was ours to do, or is gone by our hand; an entry may be ended twice.
const END = `
local done = 0
for i = 2, #ARGV do
  local acked = redis.pcall('XACK', KEYS[1], ARGV[1], ARGV[i])
  local deleted = redis.call('XDEL', KEYS[1], ARGV[i])
  if acked == 1 or deleted == 1 then done = done + 1 end
end
redis.call('HINCRBY', KEYS[2], 'done', done)`;

export interface StreamEntry {
  shard: number;
  id: string;
  /** What stands in the field `message`; undefined where there is no such field. */
  message: Buffer | undefined;
  /** When Redis took it. */
  addedAt: Date;
  /** How often it was handed out, this time included. */
  deliveries: number;
}

export type Reading =
  | { kind: 'not ours' }
  | {
      kind: 'read';
      /** How many entries somebody has removed unread, since a reader was last told. */
      lost: number;
      entries: StreamEntry[];
      /** Pending entries that are not there any more. */
      trimmed: string[];
    };

type RawEntry = [id: Buffer, fields: Buffer[] | null];

function entryOf(shard: number, deliveries: number, [rawId, fields]: RawEntry): StreamEntry {
  const id = rawId.toString();
  const at = (fields ?? []).findIndex((name, i) => i % 2 === 0 && name.toString() === 'message');
  const message = at < 0 ? undefined : fields?.[at + 1];
  const addedAt = new Date(Number(id.split('-')[0]));
  return { shard, id, message, addedAt, deliveries };
}

/** Reads what is new, or what a former owner left pending; only for the owner of the shard. */
export async function readEntries(
  client: Redis,
  {
    owner,
    shard,
    from,
    count,
  }: { owner: string; shard: number; from: 'new' | 'left'; count: number },
): Promise<Reading> {
  const keys = [leaseKey(shard), streamKey(shard), tallyKey(shard)];
  const settings = [GROUP, CONSUMER, count, from, SUSPICIOUS_DELIVERIES, LEFT_LYING_MS];
  const [kind, lost, deliveries, raw] = (await client.callBuffer(
    'EVAL',
    ...[READ, keys.length, ...keys, owner, ...settings],
  )) as [Buffer, number, number, RawEntry[]];
  if (kind.toString() !== 'read') return { kind: 'not ours' };
  return {
    kind: 'read',
    lost: Number(lost),
    entries: raw
      .filter(([, fields]) => fields !== null)
      .map((entry) => entryOf(shard, deliveries, entry)),
    trimmed: raw.filter(([, fields]) => fields === null).map(([id]) => id.toString()),
  };
}

/** Takes entries that are done out of the group and the stream. */
export async function endEntries(
  client: Redis,
  shard: number,
  ids: readonly string[],
): Promise<void> {
  await client.eval(END, 2, streamKey(shard), tallyKey(shard), GROUP, ...ids);
}

/** Forgets pending entries that were trimmed away: they count as lost. */
export async function forgetTrimmed(
  client: Redis,
  shard: number,
  ids: readonly string[],
): Promise<void> {
  await client.xack(streamKey(shard), GROUP, ...ids);
}
