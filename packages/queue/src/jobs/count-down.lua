-- Counts down the waiting messages of accounts.
--
-- KEYS  1  sorted set: waiting messages by account
-- ARGV     pairs of an account and the number to subtract
-- Returns nothing.
--
-- A full Redis: the script removes before it adds, because a full Redis refuses a script whose first write adds.
-- Run twice: the counts are too low, but never below zero. They are hints.

for i = 1, #ARGV, 2 do
  local left = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or 0) - ARGV[i + 1]
  redis.call('ZREM', KEYS[1], ARGV[i])
  if left > 0 then redis.call('ZADD', KEYS[1], left, ARGV[i]) end
end
