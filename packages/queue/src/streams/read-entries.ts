import type { Redis } from 'ioredis';
import { plausibleTime } from '../plausible-time.ts';
import { CONSUMER, GROUP, leaseKey, streamKey, tallyKey } from './keys.ts';
import { type Loss, TALLY } from './tally.ts';

/** What a batch has come to so often without an end is read one by one. */
const SUSPICIOUS_DELIVERIES = 3;
/** What another consumer of the group has left lying for so long is nobody's. */
const LEFT_LYING_MS = 10_000;

const IN_GROUP = `
local function inGroup(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err and string.find(reply.err, 'NOGROUP') then
    redis.call('XGROUP', 'CREATE', KEYS[2], ARGV[2], '0', 'MKSTREAM')
    reply = redis.pcall(...)
  end
  return reply
end`;

// Only the owner reads: who lost the shard while it stood still learns it here, in one script with the
// reading. It reads nothing new while more is pending than it holds itself: what a former owner, or another
// consumer of the group, has left comes first.
const READ = `${TALLY}${IN_GROUP}
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
local reply = inGroup('XREADGROUP', 'GROUP', group, consumer, 'COUNT', number, 'STREAMS', stream,
                      from == 'left' and after or '>')
if reply and reply.err then return reply end
local entries = reply and reply[1][2] or {}

local is = count(stream, tally)
if not is then return {'read', deliveries, entries, {0, 0, 0, 0}} end
remember(stream, tally, is)
return {'read', deliveries, entries, {is.total, is.told, is.deletions, is.deletions_told}}`;

// Hands out again what the owner itself holds: one more delivery for each.
const CLAIM = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'not ours'} end
local entries = redis.pcall('XCLAIM', KEYS[2], ARGV[2], ARGV[3], 0, unpack(ARGV, 4))
if entries.err then return entries end
local there = {}
for _, entry in ipairs(entries) do
  if entry and entry[2] then there[#there + 1] = entry end
end
return {'read', there}`;

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
type RawReading = [kind: Buffer, deliveries: number[], entries: RawEntry[], tally: RawTally];
type RawClaim = [kind: Buffer, entries: RawEntry[]];

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

interface Shard {
  owner: string;
  shard: number;
}

interface ReadOptions extends Shard {
  /**
   * `left` is what a former owner, or another consumer of the group, has left pending; `new` what nobody has read.
   * `look back` is new, too, after a look for what another consumer has left lying.
   */
  from: 'new' | 'look back' | 'left';
  count: number;
  /** Of what is left, only what comes behind this entry. */
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
    if (entry[1] === null) trimmed.push(entry[0].toString());
    else entries.push(entryOf(shard, deliveries[at] ?? 1, entry));
  }
  return { kind: 'read', loss: lossOf(tally), entries, trimmed };
}

/** Pending entries that the owner of the shard holds, again; null where it is not the owner any more. */
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
