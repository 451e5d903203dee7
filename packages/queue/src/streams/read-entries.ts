import type { Redis } from 'ioredis';
import { plausibleTime } from '../plausible-time.ts';
import { CONSUMER, GROUP, leaseKey, streamKey, tallyKey } from './keys.ts';
import { type Loss, TALLY } from './tally.ts';

/** What a batch has come to so often without an end is read one by one. */
const SUSPICIOUS_DELIVERIES = 3;
/** What another consumer of the group has left lying for so long is nobody's. */
const LEFT_LYING_MS = 10_000;

// Only the owner reads: who lost the shard while it stood still learns it here, in one script with the
// reading. It reads nothing new while something is pending: whoever held the shard in between may have
// left it, and it comes first.
const READ = `${TALLY}
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
local number, deliveries = ARGV[4], 1
if not isNew then
  local claimed = inGroup('XAUTOCLAIM', stream, group, consumer, ARGV[7], '0', 'JUSTID')
  if claimed.err then return claimed end
end
local pending = inGroup('XPENDING', stream, group, '-', '+', 1, consumer)
if pending.err then return pending end
if pending[1] then
  if isNew then return {'left first'} end
  deliveries = pending[1][4] + 1
  if pending[1][4] >= tonumber(ARGV[6]) then number = 1 end
end
local reply = inGroup('XREADGROUP', 'GROUP', group, consumer, 'COUNT', number, 'STREAMS', stream,
                      isNew and '>' or '0')
if reply and reply.err then return reply end
local entries = reply and reply[1][2] or {}

local is = count(stream, tally)
if not is then return {'read', deliveries, entries, {0, 0, 0, 0}} end
remember(stream, tally, is)
return {'read', deliveries, entries, {is.total, is.told, is.deletions, is.deletions_told}}`;

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
  /** Nothing was read: something is pending, and has to be read first. */
  | { kind: 'left first' }
  | {
      kind: 'read';
      loss: Loss | null;
      entries: StreamEntry[];
      /** Pending entries that are not there any more. */
      trimmed: string[];
    };

type RawEntry = [id: Buffer, fields: Buffer[] | null];
type RawTally = [total: number, told: number, deletions: number, deletionsTold: number];
type RawReading = [kind: Buffer, deliveries: number, entries: RawEntry[], tally: RawTally];

/** An id is a time, unless its producer made it up. */
const timeOf = (id: string) => new Date(plausibleTime(Number(id.split('-')[0])));

function lossOf([total, told, deletions, deletionsTold]: RawTally): Loss | null {
  if (total === told && deletions === deletionsTold) return null;
  return {
    entries: total - told,
    wasDeleted: deletions > deletionsTold,
    total: { entries: total, deletions },
  };
}

function entryOf(shard: number, deliveries: number, [rawId, fields]: RawEntry): StreamEntry {
  const id = rawId.toString();
  const at = (fields ?? []).findIndex((name, i) => i % 2 === 0 && name.toString() === 'message');
  const message = at < 0 ? undefined : fields?.[at + 1];
  return { shard, id, message, addedAt: timeOf(id), deliveries };
}

interface ReadOptions {
  owner: string;
  shard: number;
  /** `left` is what a former owner, or another consumer of the group, has left pending. */
  from: 'new' | 'left';
  count: number;
}

/** Reads what is next; only for the owner of the shard. */
export async function readEntries(client: Redis, o: ReadOptions): Promise<Reading> {
  const { owner, shard, from, count } = o;
  const keys = [leaseKey(shard), streamKey(shard), tallyKey(shard)];
  const settings = [GROUP, CONSUMER, count, from, SUSPICIOUS_DELIVERIES, LEFT_LYING_MS];
  const [rawKind, deliveries, raw, tally] = (await client.callBuffer(
    'EVAL',
    ...[READ, keys.length, ...keys, owner, ...settings],
  )) as RawReading;
  const kind = rawKind.toString();
  if (kind === 'not ours' || kind === 'left first') return { kind };
  return {
    kind: 'read',
    loss: lossOf(tally),
    entries: raw
      .filter(([, fields]) => fields !== null)
      .map((entry) => entryOf(shard, deliveries, entry)),
    trimmed: raw.filter(([, fields]) => fields === null).map(([id]) => id.toString()),
  };
}
