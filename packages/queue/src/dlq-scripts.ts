import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { WAITING_NOTES } from './dlq-waiting-notes.ts';
import { type ERASED, type Leaving, REMEMBER } from './former-entries.ts';
import { QUEUED } from './queued-notes.ts';

/*
 * The entries are BullMQ's prioritized jobs: a sorted set, so that one of 100 000 is removed as
 * fast as one of ten (a waiting list is searched from its end), with scores that only grow, which
 * makes a score a cursor that stays true while entries vanish. Everything else here is derived:
 *
 *   contour:dlq:unknown:<fingerprint>   ids of an unknown account's entries: its allowance
 *   contour:dlq:adding:<id>             an entry that is about to be added, for a few seconds
 *   contour:dlq:trace:<trace id>        ids of a trace's entries
 *   contour:dlq:waiting…                what waits for its account (dlq-waiting-notes)
 *   contour:dlq:former:<id>             what has left, and how (former-entries)
 *
 * An id is noted there before its entry is added and dropped together with it. So a note without
 * an entry may be left behind by a crash, an entry without a note may not.
 */
export const JOB = 'bull:dlq:';
const ENTRIES = `${JOB}prioritized`;
const UNKNOWN = 'contour:dlq:unknown:';
const ADDING = 'contour:dlq:adding:';
/** Longer than a command may take. */
const ADDING_SECONDS = 10;
const TRACE = 'contour:dlq:trace:';
const PAGE_ENTRIES = 500;
const PAGE_BYTES = 4 * 1024 * 1024;

const RESERVE = `${WAITING_NOTES}
local id, text, reason, stage, account, trace, allowance, channel, received = unpack(ARGV)
local job, unknown = '${JOB}' .. id, '${UNKNOWN}' .. account
local known = redis.call('EXISTS', job) == 1
local counts = reason == 'unknown_tenant' and account ~= ''
local function is_full()
  return redis.call('SCARD', unknown) >= tonumber(allowance)
end
if counts and not known and redis.call('SISMEMBER', unknown, id) == 0 and is_full() then
  -- Notes whose entries are gone (a crash, a removal by Bull Board) are not looked for each time.
  if redis.call('SET', unknown .. ':counted', 1, 'NX', 'EX', 10) then
    for _, noted in ipairs(redis.call('SMEMBERS', unknown)) do
      if redis.call('EXISTS', '${JOB}' .. noted, '${ADDING}' .. noted) == 0 then
        redis.call('SREM', unknown, noted)
      end
    end
  end
  if is_full() then return 'over_allowance' end
end
redis.call(counts and 'SADD' or 'SREM', unknown, id)
-- What is parked is not queued any more.
redis.call('DEL', '${QUEUED}' .. id)
if waits(reason) then note(channel, account, id, received) else forget(channel, account, id) end
local ok, entry = pcall(cjson.decode, known and redis.call('HGET', job, 'data') or '')
-- A dead message's entry is the only way back for it: a bad copy of the message must not hide it.
if stage == 'resolve' and ok and type(entry) == 'table' and entry.stage == 'deliver' then
  forget(channel, account, id)
  return 'updated'
end
-- A copy may have come under another trace: by the former one nothing would ever be removed again.
if ok and type(entry) == 'table' and type(entry.message) == 'table' then
  redis.call('SREM', '${TRACE}' .. entry.message.traceId, id)
end
if trace ~= '' then redis.call('SADD', '${TRACE}' .. trace, id) end
if not known then
  redis.call('SET', '${ADDING}' .. id, 1, 'EX', ${ADDING_SECONDS})
  return 'new'
end
-- Nor does an entry forget whose it is: whoever gets its credential later must not get it as well.
if ok and type(entry) == 'table' and type(entry.tenantId) == 'string' then
  text = string.gsub(text, '"tenantId":null', '"tenantId":"' .. entry.tenantId .. '"', 1)
end
redis.call('HSET', job, 'data', text, 'name', reason)
return 'updated'`;

// Of two copies that were reserved at once only the first is added: the other one's trace leads nowhere.
const SETTLE = `
local id, trace = unpack(ARGV)
redis.call('DEL', '${ADDING}' .. id)
local ok, entry = pcall(cjson.decode, redis.call('HGET', '${JOB}' .. id, 'data') or '')
local message = ok and type(entry) == 'table' and entry.message
if type(message) ~= 'table' or message.traceId ~= trace then
  redis.call('SREM', '${TRACE}' .. trace, id)
end`;

const READ_PAGE = `
local found = redis.call('ZRANGEBYSCORE', '${ENTRIES}', ARGV[1], ARGV[2],
  'WITHSCORES', 'LIMIT', 0, ${PAGE_ENTRIES})
local page, bytes = {}, 0
for i = 1, #found, 2 do
  local text = redis.call('HGET', '${JOB}' .. found[i], 'data') or ''
  bytes = bytes + #text
  page[#page + 1] = {found[i], found[i + 1], text}
  if bytes > ${PAGE_BYTES} then break end
end
return page`;

const REMOVE = `${WAITING_NOTES}${REMEMBER}
local removed = 0
for i = 2, #ARGV, 2 do
  local id, digest = ARGV[i], ARGV[i + 1]
  local job = '${JOB}' .. id
  local text = redis.call('HGET', job, 'data')
  if text and (digest == '' or redis.sha1hex(text) == digest) then
    redis.call('ZREM', '${ENTRIES}', id)
    redis.call('DEL', job, job .. ':logs')
    removed = removed + 1
    local ok, entry = pcall(cjson.decode, text)
    if ok and type(entry) == 'table' then
      local has_message = type(entry.message) == 'table'
      -- A dead message's entry is missed also where the ledger could not say what it was about.
      if has_message or entry.stage == 'deliver' then remember(id, entry, ARGV[1]) end
      if has_message then
        redis.call('SREM', '${UNKNOWN}' .. entry.message.fingerprint, id)
        redis.call('SREM', '${TRACE}' .. entry.message.traceId, id)
        forget(entry.message.channel, entry.message.fingerprint, id)
      end
    end
  end
end
return removed`;

const BY_TRACE = `
local texts = {}
for _, id in ipairs(redis.call('SRANDMEMBER', '${TRACE}' .. ARGV[1], ARGV[2])) do
  texts[#texts + 1] = redis.call('HGET', '${JOB}' .. id, 'data') or nil
end
return texts`;

export type Reserved = 'new' | 'updated' | 'over_allowance';

/** Updates the entry where it is, or makes room for a new one, which the caller then adds. */
export async function reserve(
  client: Redis,
  o: {
    id: string;
    text: string;
    reason: string;
    stage: string;
    channel: string;
    fingerprint: string;
    traceId: string;
    allowance: number;
    receivedMs: number;
  },
): Promise<Reserved> {
  const about = [o.id, o.text, o.reason, o.stage, o.fingerprint, o.traceId];
  const args = [...about, o.allowance, o.channel, o.receivedMs];
  return (await client.eval(RESERVE, 0, ...args)) as Reserved;
}

/** To be called when a new entry has been added: drops what was noted for a copy that was not. */
export async function settle(client: Redis, id: string, traceId: string): Promise<void> {
  await client.eval(SETTLE, 0, id, traceId);
}

export interface Row {
  id: string;
  /** A score: an integer as text, larger for every later entry. */
  cursor: string;
  text: string;
}

/** The next entries after a cursor, oldest first; an empty page is the end. */
export async function readPage(client: Redis, after: string, last: string): Promise<Row[]> {
  const page = (await client.eval(READ_PAGE, 0, `(${after}`, last)) as string[][];
  return page.map(([id = '', cursor = '', text = '']) => ({ id, cursor, text }));
}

export async function newestCursor(client: Redis): Promise<string> {
  const [, cursor] = await client.zrange(ENTRIES, '-1', '-1', 'WITHSCORES');
  return cursor ?? '0';
}

export async function countEntries(client: Redis): Promise<number> {
  return client.zcard(ENTRIES);
}

/** By which an entry that was read is known again: REMOVE computes the same. */
export const digestOf = (text: string): string => createHash('sha1').update(text).digest('hex');

/** Removes each entry whose text still has this digest; without one, whatever its text is. */
export async function removeEntries(
  client: Redis,
  entries: ReadonlyArray<{ id: string; digest?: string }>,
  leaving: Leaving | typeof ERASED,
): Promise<number> {
  const args = entries.flatMap(({ id, digest = '' }) => [id, digest]);
  return Number(await client.eval(REMOVE, 0, leaving, ...args));
}

export async function readText(client: Redis, id: string): Promise<string | null> {
  return client.hget(`${JOB}${id}`, 'data');
}

export async function readTextsOfTrace(
  client: Redis,
  traceId: string,
  limit: number,
): Promise<string[]> {
  return (await client.eval(BY_TRACE, 0, traceId, String(limit))) as string[];
}
