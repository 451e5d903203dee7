-- Counts the workers whose last beat is recent.
--
-- KEYS  1  sorted set: time of the last beat by worker, in milliseconds on Redis's clock
-- ARGV  1  how long a worker counts as alive after a beat, in milliseconds
-- Returns the number of workers.
--
-- It writes nothing: a full Redis answers, and it may run any number of times.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZCOUNT', KEYS[1], now - ARGV[1], '+inf')
