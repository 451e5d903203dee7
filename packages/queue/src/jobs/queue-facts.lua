-- Counts the jobs of queues by their state, and finds the oldest one that waits.
--
-- KEYS  the prefixes of the queues' keys, such as `bull:resolve:`
-- Returns for each queue: 1 if it is paused; waiting; delayed; active; failed; when the oldest waiting job was added,
-- in milliseconds, or false.
--
-- A waiting list is served from its end, so the oldest job is there. Prioritized jobs are sorted by priority, and
-- within a priority by time.
-- It writes nothing: a full Redis answers, and it may run any number of times.

local facts = {}
for _, queue in ipairs(KEYS) do
  local oldest
  local function consider(id)
    local at = id and tonumber(redis.call('HGET', queue .. id, 'timestamp') or nil)
    if at and (not oldest or at < oldest) then oldest = at end
  end
  consider(redis.call('LINDEX', queue .. 'wait', -1))
  consider(redis.call('LINDEX', queue .. 'paused', -1))
  for priority = 0, 3 do
    consider(redis.call('ZRANGEBYSCORE', queue .. 'prioritized', priority * 2 ^ 32, '+inf', 'LIMIT', 0, 1)[1])
  end
  facts[#facts + 1] = {
    redis.call('HEXISTS', queue .. 'meta', 'paused'),
    redis.call('LLEN', queue .. 'wait') + redis.call('LLEN', queue .. 'paused') +
      redis.call('ZCARD', queue .. 'prioritized'),
    redis.call('ZCARD', queue .. 'delayed'),
    redis.call('LLEN', queue .. 'active'),
    redis.call('ZCARD', queue .. 'failed'),
    oldest and string.format('%d', oldest) or false,
  }
end
return facts
