-- Reads the next entries of a shard, if the worker holds its lease. Lease and reading are one script, so a worker
-- that lost the shard while it was frozen reads nothing.
-- Needs tally.lua and message-of.lua.
--
-- KEYS  1  the lease: the id of the shard's owner
--       2  the stream
--       3  the tally
-- ARGV  1  the worker's id
--       2  the group
--       3  the consumer, the same for all owners
--       4  how many entries at most
--       5  `left`: entries that a former owner, or another consumer of the group, left pending
--          `new`: entries that no consumer has read
--          `look back`: new entries, after claiming entries that another consumer left pending
--       6  for `left`: only entries behind this id
--       7  how many pending entries the owner holds itself
--       8  after this many deliveries entries are read one by one
--       9  after how long another consumer's pending entries are claimed, in milliseconds
--      10  the length of the longest message that is read, in bytes
--      11  how many bytes of messages a batch may have
-- Returns {'not ours'} if the worker does not hold the lease;
--      or {'left first'} if more is pending than the owner holds: those entries have to be read before new ones;
--      or {'read', deliveries by position (only for `left`), entries, tally}; an entry is {id, what it is, message or
--         length}, the tally {lost, reported, deletions, reported deletions};
--      or an error of Redis.
--
-- Reading a new entry makes it pending, so every entry that was read is returned. One that was left out would be read
-- again only much later. So the script reads in steps, each of as many entries as fit if all have the maximum length.
-- A full Redis runs XREADGROUP and XAUTOCLAIM, which do not count as adding, before the tally is written.
-- Run twice: the entries of the first run are pending. The next run says `left first`, and they are read as `left`.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'not ours'} end
local stream, tally, group, consumer = KEYS[2], KEYS[3], ARGV[2], ARGV[3]
local number, from, after, held = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local suspicious, idle_ms = tonumber(ARGV[8]), ARGV[9]
local max_bytes, room = tonumber(ARGV[10]), tonumber(ARGV[11])

-- Runs a command of the group, and creates the group if it does not exist.
local function in_group(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err and string.find(reply.err, 'NOGROUP') then
    redis.call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
    reply = redis.pcall(...)
  end
  return reply
end

if from ~= 'new' then
  local claimed = in_group('XAUTOCLAIM', stream, group, consumer, idle_ms, '0', 'COUNT', 1000, 'JUSTID')
  if claimed.err then return claimed end
end

local deliveries = {}
if from == 'left' then
  local pending = in_group('XPENDING', stream, group, '(' .. after, '+', number, consumer)
  if pending.err then return pending end
  for i, one in ipairs(pending) do
    if one[4] >= suspicious then
      number = math.max(i - 1, 1)
      if i > 1 then break end
    end
    deliveries[i] = one[4] + 1
    if number == 1 then break end
  end
else
  local pending = in_group('XPENDING', stream, group)
  if pending.err then return pending end
  for _, one in ipairs(pending[4] or {}) do
    if one[1] == consumer and tonumber(one[2]) > held then return {'left first'} end
  end
end

local entries = {}
local cursor = from == 'left' and after or '>'
repeat
  local asked = math.max(1, math.min(number - #entries, math.floor(room / max_bytes)))
  local reply = in_group('XREADGROUP', 'GROUP', group, consumer, 'COUNT', asked, 'STREAMS', stream, cursor)
  if reply and reply.err then
    if #entries == 0 then return reply end
    break
  end
  local found = reply and reply[1][2] or {}
  for _, entry in ipairs(found) do
    local what, body = message_of(entry[2], max_bytes)
    if what == 'message' then room = room - #body end
    entries[#entries + 1] = {entry[1], what, body}
    if from == 'left' then cursor = entry[1] end
  end
until #found < asked or #entries >= number or room < max_bytes

local now = count(stream, tally)
if not now then return {'read', deliveries, entries, {0, 0, 0, 0}} end
remember(stream, tally, now)
return {'read', deliveries, entries, {now.total, now.told, now.deletions, now.deletions_told}}
