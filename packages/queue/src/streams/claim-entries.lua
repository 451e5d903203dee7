-- Delivers pending entries again that the shard's owner holds, if the worker still holds the lease.
-- Needs message-of.lua.
--
-- KEYS  1  the lease: the id of the shard's owner
--       2  the stream
-- ARGV  1  the worker's id
--       2  the length of the longest message that is read, in bytes
--       3  the group
--       4  the consumer, the same for all owners
--       5… the ids
-- Returns {'not ours'}, or {'read', entries that are still there}; an entry is {id, what it is, message or length}; or
-- an error of Redis.
--
-- A full Redis runs XCLAIM. Run twice: Redis counts one delivery more.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'not ours'} end
local entries = redis.pcall('XCLAIM', KEYS[2], ARGV[3], ARGV[4], 0, unpack(ARGV, 5))
if entries.err then return entries end
local there = {}
for _, entry in ipairs(entries) do
  if entry and entry[2] then
    local what, body = message_of(entry[2], tonumber(ARGV[2]))
    there[#there + 1] = {entry[1], what, body}
  end
end
return {'read', there}
