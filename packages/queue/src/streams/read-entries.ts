import type { Redis } from 'ioredis';
import { TooLong } from '../too-long.ts';
import { CONSUMER, GROUP, leaseKey, streamKey, tallyKey } from './keys.ts';
import { type Loss, TALLY } from './tally.ts';

/** What a batch has come to so often without an end is read one by one. */
const SUSPICIOUS_DELIVERIES = 3;
/** What another consumer of the group has left lying for so long is nobody's. */
const LEFT_LYING_MS = 10_000;

/** As much as a request may have. An entry with more is judged by its length, and never read. */
export const MAX_ENTRY_BYTES = 256 * 1024;
/** Of what is read at once. A batch may be 256 entries, and a worker reads several shards. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** Redis itself copies so many entries at once, whatever their length. */
const MAX_STEP = 16;

// Only the owner reads: who lost the shard while it stood still learns it here, in one script with the
// reading. It reads nothing new while something is pending: whoever held the shard in between may have
// left it, and it comes first.
// It reads in steps, each of no more entries than there is room for if all are as long as they may be. What is read as
// new is pending by that, and must be handed out: an entry that was counted and left would be met again only later.
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
local number, deliveries = tonumber(ARGV[4]), 1
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
local longest, room, step = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local function messageOf(fields)
  if not fields then return 'trimmed', '' end
  for i = 1, #fields, 2 do
    if fields[i] == 'message' then
      local body = fields[i + 1]
      if #body > longest then return 'too long', #body end
      room = room - #body
      return 'message', body
    end
  end
  return 'no message', ''
end
local entries, after = {}, isNew and '>' or '0'
repeat
  local asked = math.max(1, math.min(step, number - #entries, math.floor(room / longest)))
  local reply = inGroup('XREADGROUP', 'GROUP', group, consumer, 'COUNT', asked, 'STREAMS', stream, after)
  if reply and reply.err then
    if #entries == 0 then return reply end
    break
  end
  local found = reply and reply[1][2] or {}
  for _, entry in ipairs(found) do
    local what, body = messageOf(entry[2])
    entries[#entries + 1] = {entry[1], what, body}
    if not isNew then after = entry[1] end
  end
until #found < asked or #entries >= number or room < longest

local is = count(stream, tally)
if not is then return {'read', deliveries, entries, {0, 0, 0, 0}} end
remember(stream, tally, is)
return {'read', deliveries, entries, {is.total, is.told, is.deletions, is.deletions_told}}`;

export interface StreamEntry {
  shard: number;
  id: string;
  /** What stands in the field `message`: undefined where there is none, and its length where it is too long. */
  message: Buffer | TooLong | undefined;
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

type RawEntry = [id: Buffer, what: Buffer, message: Buffer | number];
type RawTally = [total: number, told: number, deletions: number, deletionsTold: number];
type RawReading = [kind: Buffer, deliveries: number, entries: RawEntry[], tally: RawTally];

/** An id is a time, unless somebody made it up: further ahead than clocks differ it tells nothing. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

function timeOf(id: string): Date {
  const ms = Number(id.split('-')[0]);
  return new Date(ms < Date.now() + MAX_AHEAD_MS ? ms : Date.now());
}

function lossOf([total, told, deletions, deletionsTold]: RawTally): Loss | null {
  if (total === told && deletions === deletionsTold) return null;
  return {
    entries: total - told,
    wasDeleted: deletions > deletionsTold,
    total: { entries: total, deletions },
  };
}

function messageOf(what: string, message: Buffer | number): StreamEntry['message'] {
  if (typeof message === 'number') return new TooLong(message);
  return what === 'message' ? message : undefined;
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
  const settings = [
    ...[GROUP, CONSUMER, count, from, SUSPICIOUS_DELIVERIES, LEFT_LYING_MS],
    ...[MAX_ENTRY_BYTES, MAX_BATCH_BYTES, MAX_STEP],
  ];
  const [rawKind, deliveries, raw, tally] = (await client.callBuffer(
    'EVAL',
    ...[READ, keys.length, ...keys, owner, ...settings],
  )) as RawReading;
  const kind = rawKind.toString();
  if (kind === 'not ours' || kind === 'left first') return { kind };
  const entries = raw.map(([id, what, message]) => ({
    id: id.toString(),
    what: what.toString(),
    message,
  }));
  const areThere = entries.filter(({ what }) => what !== 'trimmed');
  return {
    kind: 'read',
    loss: lossOf(tally),
    entries: areThere.map(({ id, what, message }) => ({
      ...{ shard, id, deliveries, addedAt: timeOf(id) },
      message: messageOf(what, message),
    })),
    trimmed: entries.filter(({ what }) => what === 'trimmed').map(({ id }) => id),
  };
}
