-- A part of read-entries.lua and shard-facts.lua: finds entries that were removed before they were done.
--
-- An entry that was added to a stream is there, or was done, or was removed by another program. The tally of a shard
-- remembers how much was done. The rest follows:
--
--     lost = added - there - done
--
-- A deleted stream begins to count from zero. It is recognised because less was added to it, or because its highest
-- removed id is lower. The tally keeps what the earlier streams lost, as far as the last look saw it. Deleting a
-- stream also removes the batch in hand, which counts as lost although it is resolved.
-- Redis counts what was added from 7.0 on. Before that, nothing can be known.
--
-- The fields of a tally:
--   added, removed, done    of this stream; `removed` is the highest id that was deleted
--   lost                    in the streams before it
--   deletions               how often the stream was deleted
--   told, deletions_told    how much of both was reported
-- An older worker may have written a tally without `removed`.

local function is_before(id, other)
  local a, n = string.match(id, '(%d+)-(%d+)')
  local b, m = string.match(other, '(%d+)-(%d+)')
  if a ~= b then return tonumber(a) < tonumber(b) end
  return tonumber(n) < tonumber(m)
end

-- Returns the present figures of a shard, or nil where Redis does not count. Writes nothing.
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
  local now = {added = added, removed = removed, done = number(3), lost = number(4),
               told = number(5), deletions = number(6), deletions_told = number(7)}
  if not known[1] then
    now.done = added - there
  elseif added < number(1) or (known[2] and is_before(removed, known[2])) then
    now.lost = now.lost + math.max(0, number(1) - now.done)
    now.done = 0
    now.deletions = now.deletions + 1
  end
  now.total = now.lost + math.max(0, added - there - now.done)
  now.told = math.min(now.told, now.total)
  return now
end

-- Writes the figures of a shard to its tally.
local function remember(stream, tally, now)
  if now.removed == '0-0' then
    -- Without a removed entry, a stream that replaces this one could not be distinguished from it.
    now.removed = redis.call('XADD', stream, '*', 'life', 'begins')
    redis.call('XDEL', stream, now.removed)
    now.added = now.added + 1
    now.done = now.done + 1
  end
  redis.call('HSET', tally, 'added', now.added, 'removed', now.removed, 'done', now.done,
             'lost', now.lost, 'told', now.told, 'deletions', now.deletions)
end
