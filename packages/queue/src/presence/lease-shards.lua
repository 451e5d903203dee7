-- Notes that a stream worker is alive, renews its leases, and takes free shards that fall to it.
--
-- Shards are dealt out by their number to the workers in the order of their ids, so every worker comes to the same,
-- even result. A shard that is to move stays with its owner until the owner releases it. A worker that is stuck with
-- a shard is passed over for that shard, unless it is the only worker.
--
-- KEYS  1  sorted set: time of the last beat by worker, in milliseconds on Redis's clock
--       2 … n+1     the lease of each shard: the id of its owner
--       n+2 … 2n+1  for each shard: the id of the worker that is stuck with it
-- ARGV  1  the worker's id
--       2  how long a beat and a lease last, in milliseconds
-- Returns one state per shard: `held`; `unwanted` if it is held and falls to another worker; `others`.
--
-- Members whose time lies ahead are removed too: Redis's clock may have been set back.
-- A full Redis: the script removes before it adds, because a full Redis refuses a script whose first write adds, and
-- streams must be emptied all the same.
-- Run twice: it renews the leases once more.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[2], '+inf')
redis.call('ZADD', KEYS[1], now, ARGV[1])
local members = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(members)
local count = (#KEYS - 1) / 2
local shards = {}
for i = 1, count do
  local lease = KEYS[i + 1]
  local owner = redis.call('GET', lease)
  local wanted = members[(i - 1) % #members + 1]
  if wanted == redis.call('GET', KEYS[i + 1 + count]) then wanted = members[i % #members + 1] end
  if owner == ARGV[1] then
    redis.call('PEXPIRE', lease, ARGV[2])
    shards[i] = wanted == ARGV[1] and 'held' or 'unwanted'
  elseif not owner and wanted == ARGV[1] then
    redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
    shards[i] = 'held'
  else
    shards[i] = 'others'
  end
end
return shards
