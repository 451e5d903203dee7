-- Reads the figures of a shard.
-- Needs tally.lua.
--
-- KEYS  1  the stream
--       2  the lease: the id of the shard's owner
--       3  the tally
-- ARGV  1  the group
-- Returns the number of entries; how many of them are pending; the owner's id or false; how many entries were lost.
--
-- It writes nothing: a full Redis answers, and it may run any number of times.

local pending = 0
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if not groups.err then
  for _, group in ipairs(groups) do
    if group[2] == ARGV[1] then pending = group[6] end
  end
end
local now = count(KEYS[1], KEYS[3])
return {redis.call('XLEN', KEYS[1]), pending, redis.call('GET', KEYS[2]), now and now.total or 0}
