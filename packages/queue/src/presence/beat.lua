-- Notes that a worker is alive, and shares the time at which Core last accepted a message.
-- Times are milliseconds on Redis's clock, so that the clocks of the machines need not agree.
--
-- KEYS  1  sorted set: time of the last beat by worker
--       2  string: when the latest message was sent that Core accepted from any worker
-- ARGV  1  the worker's id
--       2  how long a worker counts as alive after a beat, in milliseconds
--       3  when the latest message was sent that Core accepted from this worker, or -1
--       4  how long that time is kept, in milliseconds
-- Returns the present time, and the time of KEYS[2], or -1 if none is known.
--
-- A time in the future comes from before Redis's clock was set back. It is ignored.
-- A full Redis: the script is refused. The worker does not count as alive until a later beat succeeds.
-- Run twice: it changes nothing more.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 60 * ARGV[2])
local latest = tonumber(redis.call('GET', KEYS[2]) or '-1')
if latest > now then latest = -1 end
local own = tonumber(ARGV[3])
if own > latest and own <= now then
  latest = own
  redis.call('SET', KEYS[2], string.format('%d', latest), 'PX', ARGV[4])
end
return {now, latest}
