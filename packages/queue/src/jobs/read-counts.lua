-- Corrects and reads the counts of waiting messages, and the priorities of the accounts that have many.
--
-- KEYS  1  sorted set: waiting messages by account
--       2  hash: priority by account
--       3-5  lists of the queue: wait, paused, active
--       6-7  sorted sets of the queue: prioritized, delayed
-- ARGV     the counts from which priorities 1, 2 … begin, in ascending order
-- Returns two flat lists: account, count of the accounts that have at least ARGV[1]; account, priority.
--
-- A count that a crash left too high is cut to the length of the queue. If the queue is empty, all counts are
-- dropped. A priority is dropped only when none of the account's messages waits, so that their order is kept.
-- A full Redis: the script may be refused. The caller keeps the counts that it has.
-- Run twice: it changes nothing more.

local waiting, priorities = KEYS[1], KEYS[2]
local queued = redis.call('LLEN', KEYS[3]) + redis.call('LLEN', KEYS[4]) + redis.call('LLEN', KEYS[5])
  + redis.call('ZCARD', KEYS[6]) + redis.call('ZCARD', KEYS[7])
if queued == 0 then
  redis.call('DEL', waiting, priorities)
  return {{}, {}}
end
for _, account in ipairs(redis.call('ZRANGEBYSCORE', waiting, '(' .. queued, '+inf')) do
  redis.call('ZREM', waiting, account)
  redis.call('ZADD', waiting, queued, account)
end
local many = redis.call('ZRANGEBYSCORE', waiting, ARGV[1], '+inf', 'WITHSCORES')
for i = 1, #many, 2 do
  local priority = 0
  for _, from in ipairs(ARGV) do
    if tonumber(many[i + 1]) >= tonumber(from) then priority = priority + 1 end
  end
  if priority > tonumber(redis.call('HGET', priorities, many[i]) or 0) then
    redis.call('HSET', priorities, many[i], priority)
  end
end
local known = redis.call('HGETALL', priorities)
for i = 1, #known, 2 do
  if not redis.call('ZSCORE', waiting, known[i]) then redis.call('HDEL', priorities, known[i]) end
end
return {many, redis.call('HGETALL', priorities)}
