-- Releases the lease of a shard, if the worker holds it. With a time, keeps the shard from the worker for a while.
--
-- KEYS  1  the lease: the id of its owner
--       2  the id of the worker that is stuck with the shard
-- ARGV  1  the worker's id
--       2  how long the worker, because it is stuck with the shard, may not have it again, in milliseconds; or 0
-- Returns nothing.
--
-- A full Redis: if the worker holds the lease, the script removes first and is not refused. If it does not hold the
-- lease, the time is refused, and the worker may get the shard again sooner.
-- Run twice: the time begins again.

if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2]) end
