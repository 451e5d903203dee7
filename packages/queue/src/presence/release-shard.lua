-- Releases the lease of a shard, if the worker holds it.
--
-- KEYS  1  the lease: the id of its owner
-- ARGV  1  the worker's id
-- Returns nothing.
--
-- A full Redis runs it, because it only removes. Run twice: it changes nothing more.

if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
