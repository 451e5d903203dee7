import type { Redis } from 'ioredis';
import { tallyKey } from './keys.ts';

/*
 * Whatever was added to a stream is there, or was done, or somebody else has removed it. The tally
 * remembers how much was done, and from that the rest follows:
 *
 *     lost = added - there - done
 *
 * A stream that was deleted begins to count anew: it is known by having been added to less, or by the
 * highest id that was removed. The tally keeps what the ones before it had lost as far as the last look had
 * seen them. Deleting forgets the batch in hand too: it counts as lost and
 * gets through all the same. Redis counts what was added from 7.0 on; before, nothing can be known.
 *
 * Fields: added, removed (the highest id that was deleted) and done in the life of this stream; lost in
 * the lives before; deletions; and of those how much has been told: told, deletions_told. A worker of
 * before may have written a tally that does not know of removed.
 */
export const TALLY = `
local function isBefore(id, other)
  local a, n = string.match(id, '(%d+)-(%d+)')
  local b, m = string.match(other, '(%d+)-(%d+)')
  if a ~= b then return tonumber(a) < tonumber(b) end
  return tonumber(n) < tonumber(m)
end
local function count(stream, tally)
  local added, removed = 0, '0-0'
  local info = redis.pcall('XINFO', 'STREAM', stream)
  if not info.err then
    added = nil
    for i = 1, #info, 2 do
      if info[i] == 'entries-added' then added = info[i + 1] end
      if info[i] == 'max-deleted-entry-id' then removed = info[i + 1] end
    end
  end
  if not added then return nil end
  local there = redis.call('XLEN', stream)
  local known = redis.call('HMGET', tally, 'added', 'removed', 'done', 'lost', 'told',
                           'deletions', 'deletions_told')
  local number = function(i) return tonumber(known[i] or 0) end
  local is = {added = added, removed = removed, done = number(3), lost = number(4),
              told = number(5), deletions = number(6), deletions_told = number(7)}
  if not known[1] then
    is.done = added - there
  elseif added < number(1) or (known[2] and isBefore(removed, known[2])) then
    is.lost = is.lost + math.max(0, number(1) - is.done)
    is.done = 0
    is.deletions = is.deletions + 1
  end
  is.total = is.lost + math.max(0, added - there - is.done)
  is.told = math.min(is.told, is.total)
  return is
end
local function remember(stream, tally, is)
  if is.removed == '0-0' then
    -- From now on a stream that knows of no removed entry is another one.
    is.removed = redis.call('XADD', stream, '*', 'life', 'begins')
    redis.call('XDEL', stream, is.removed)
    is.added = is.added + 1
    is.done = is.done + 1
  end
  redis.call('HSET', tally, 'added', is.added, 'removed', is.removed, 'done', is.done,
             'lost', is.lost, 'told', is.told, 'deletions', is.deletions)
end
`;

/** What somebody has taken out of a shard before it was done, and has not been told yet. */
export interface Loss {
  entries: number;
  /** Whether the stream itself was deleted: what was added after the last look is not in the figure. */
  wasDeleted: boolean;
  /** All that was ever lost, and how often the stream was deleted. */
  total: { entries: number; deletions: number };
}

// It begins by removing because a full Redis refuses a script that begins by adding.
const MARK = `
redis.call('HDEL', KEYS[1], 'told', 'deletions_told')
redis.call('HSET', KEYS[1], 'told', ARGV[1], 'deletions_told', ARGV[2])`;

/** To be called once a loss has been told: until then every look shows it again. */
export async function markTold(client: Redis, shard: number, { total }: Loss): Promise<void> {
  await client.eval(MARK, 1, tallyKey(shard), total.entries, total.deletions);
}
