-- Removes entries that are done from the group and the stream, and counts them.
--
-- KEYS  1  the stream
--       2  the tally
-- ARGV  1  the group
--       2… the ids
-- Returns nothing.
--
-- An entry counts as done if it was pending, or if this script deleted it.
-- A full Redis: the script removes before it adds, because a full Redis refuses a script whose first write adds.
-- Run twice: the second run counts nothing.

local done = 0
for i = 2, #ARGV do
  local acked = redis.pcall('XACK', KEYS[1], ARGV[1], ARGV[i])
  local deleted = redis.call('XDEL', KEYS[1], ARGV[i])
  if acked == 1 or deleted == 1 then done = done + 1 end
end
redis.call('HINCRBY', KEYS[2], 'done', done)
