-- Notes in a tally how much of the loss was reported.
--
-- KEYS  1  the tally
-- ARGV  1  how many entries were lost in all
--       2  how often the stream was deleted
-- Returns nothing.
--
-- A full Redis: the script removes before it adds, because a full Redis refuses a script whose first write adds.
-- Run twice: it changes nothing more.

redis.call('HDEL', KEYS[1], 'told', 'deletions_told')
redis.call('HSET', KEYS[1], 'told', ARGV[1], 'deletions_told', ARGV[2])
