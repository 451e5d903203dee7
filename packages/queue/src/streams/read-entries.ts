import type { Redis } from 'ioredis';
import { plausibleTime } from '../plausible-time.ts';
import { TooLong } from '../too-long.ts';
import { CONSUMER, GROUP, leaseKey, streamKey, tallyKey } from './keys.ts';
import { type Loss, TALLY } from './tally.ts';

/** What a batch has come to so often without an end is read one by one. */
const SUSPICIOUS_DELIVERIES = 3;
/** What another consumer of the group has left lying for so long is nobody's. */
const LEFT_LYING_MS = 10_000;

/** The limit of a request. A longer entry is parked by its length and never read. */
export const MAX_ENTRY_BYTES = 256 * 1024;
/** Limit of one reading. A batch may have 256 entries, and a worker reads several shards. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** How many entries fit into a batch, whatever their length. */
export const ANY_BATCH = MAX_BATCH_BYTES / MAX_ENTRY_BYTES;
/** How many entries Redis copies at once, whatever their length. */
const MAX_STEP = 16;

const MESSAGE_OF = `
local function messageOf(fields)
  if not fields then return 'trimmed', '' end
  for i = 1, #fields, 2 do
    if fields[i] == 'message' then
      local body = fields[i + 1]
      if #body > ${MAX_ENTRY_BYTES} then return 'too long', #body end
      return 'message', body
    end
  end
  return 'no message', ''
end`;

const IN_GROUP = `
local function inGroup(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err and string.find(reply.err, 'NOGROUP') then
    redis.call('XGROUP', 'CREATE', KEYS[2], ARGV[2], '0', 'MKSTREAM')
    reply = redis.pcall(...)
  end
  return reply
end`;

// Only the owner reads. A worker that lost the shard while it was frozen learns it here, in one script with the
// reading. The script reads nothing new while more is pending than the owner holds: entries that a former owner, or
// another consumer of the group, has left come first.
// It reads in steps, each of as many entries as fit if all have the maximum length. Reading a new entry makes it
// pending, so every entry that was read must be returned: one that was left out would be read again only later.
const READ = `${TALLY}${IN_GROUP}${MESSAGE_OF}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'not ours'} end
local stream, tally, group, consumer = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
local number, from, after, held = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local suspicious, lying = tonumber(ARGV[8]), ARGV[9]
if from ~= 'new' then
  local claimed = inGroup('XAUTOCLAIM', stream, group, consumer, lying, '0', 'COUNT', 1000, 'JUSTID')
  if claimed.err then return claimed end
end
local deliveries = {}
if from == 'left' then
  local pending = inGroup('XPENDING', stream, group, '(' .. after, '+', number, consumer)
  if pending.err then return pending end
  for i, one in ipairs(pending) do
    if one[4] >= suspicious then
      number = math.max(i - 1, 1)
      if i > 1 then break end
    end
    deliveries[i] = one[4] + 1
    if number == 1 then break end
  end
else
  local pending = inGroup('XPENDING', stream, group)
  if pending.err then return pending end
  for _, one in ipairs(pending[4] or {}) do
    if one[1] == consumer and tonumber(one[2]) > held then return {'left first'} end
  end
end
local entries, room = {}, ${MAX_BATCH_BYTES}
local cursor = from == 'left' and after or '>'
repeat
  local asked = math.min(${MAX_STEP}, number - #entries, math.floor(room / ${MAX_ENTRY_BYTES}))
  asked = math.max(1, asked)
  local reply = inGroup('XREADGROUP', 'GROUP', group, consumer, 'COUNT', asked, 'STREAMS', stream, cursor)
  if reply and reply.err then
    if #entries == 0 then return reply end
    break
  end
  local found = reply and reply[1][2] or {}
  for _, entry in ipairs(found) do
    local what, body = messageOf(entry[2])
    if what == 'message' then room = room - #body end
    entries[#entries + 1] = {entry[1], what, body}
    if from == 'left' then cursor = entry[1] end
  end
until #found < asked or #entries >= number or room < ${MAX_ENTRY_BYTES}

local is = count(stream, tally)
if not is then return {'read', deliveries, entries, {0, 0, 0, 0}} end
remember(stream, tally, is)
return {'read', deliveries, entries, {is.total, is.told, is.deletions, is.deletions_told}}`;

// Delivers entries again that the owner itself holds. Each delivery is counted.
const CLAIM = `${MESSAGE_OF}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'not ours'} end
local entries = redis.pcall('XCLAIM', KEYS[2], ARGV[2], ARGV[3], 0, unpack(ARGV, 4))
if entries.err then return entries end
local there = {}
for _, entry in ipairs(entries) do
  if entry and entry[2] then
    local what, body = messageOf(entry[2])
    there[#there + 1] = {entry[1], what, body}
  end
end
return {'read', there}`;

export interface StreamEntry {
  shard: number;
  id: string;
  /** The field `message`: undefined if it is absent, its length if it is too long. */
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
type RawReading = [kind: Buffer, deliveries: number[], entries: RawEntry[], tally: RawTally];
type RawClaim = [kind: Buffer, entries: RawEntry[]];

/** The time of an entry's id, unless its producer made the id up. */
const timeOf = (id: string) => new Date(plausibleTime(Number(id.split('-')[0])));

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

function entryOf(shard: number, deliveries: number, [rawId, what, message]: RawEntry): StreamEntry {
  const id = rawId.toString();
  return {
    shard,
    id,
    deliveries,
    addedAt: timeOf(id),
    message: messageOf(what.toString(), message),
  };
}

interface Shard {
  owner: string;
  shard: number;
}

interface ReadOptions extends Shard {
  /**
   * `left`: entries that a former owner, or another consumer of the group, left pending. `new`: entries that no
   * consumer has read. `look back`: new ones, after claiming entries that another consumer left pending.
   */
  from: 'new' | 'look back' | 'left';
  count: number;
  /** For `left`: only entries behind this one. */
  after?: string;
  /** How many pending entries the owner holds itself. */
  held?: number;
}

/** Reads what is next; only for the owner of the shard. */
export async function readEntries(client: Redis, o: ReadOptions): Promise<Reading> {
  const { owner, shard, from, count, after = '0-0', held = 0 } = o;
  const keys = [leaseKey(shard), streamKey(shard), tallyKey(shard)];
  const place = [GROUP, CONSUMER, count, from, after, held];
  const settings = [SUSPICIOUS_DELIVERIES, LEFT_LYING_MS];
  const [rawKind, deliveries, raw, tally] = (await client.callBuffer(
    'EVAL',
    ...[READ, keys.length, ...keys, owner, ...place, ...settings],
  )) as RawReading;
  const kind = rawKind.toString();
  if (kind === 'not ours' || kind === 'left first') return { kind };
  const entries: StreamEntry[] = [];
  const trimmed: string[] = [];
  for (const [at, entry] of raw.entries()) {
    if (entry[1].toString() === 'trimmed') trimmed.push(entry[0].toString());
    else entries.push(entryOf(shard, deliveries[at] ?? 1, entry));
  }
  return { kind: 'read', loss: lossOf(tally), entries, trimmed };
}

/**
 * Delivers entries again that the owner of the shard holds, at most ANY_BATCH of them. Returns null if it is no longer
 * the owner.
 */
export async function claimEntries(
  client: Redis,
  { owner, shard, held }: Shard & { held: ReadonlyArray<{ id: string; deliveries: number }> },
): Promise<StreamEntry[] | null> {
  const keys = [leaseKey(shard), streamKey(shard)];
  const ids = held.map(({ id }) => id);
  const [kind, raw] = (await client.callBuffer(
    'EVAL',
    ...[CLAIM, keys.length, ...keys, owner, GROUP, CONSUMER, ...ids],
  )) as RawClaim;
  if (kind.toString() === 'not ours') return null;
  const earlier = new Map(held.map(({ id, deliveries }) => [id, deliveries]));
  return raw.map((entry) => entryOf(shard, (earlier.get(entry[0].toString()) ?? 0) + 1, entry));
}
