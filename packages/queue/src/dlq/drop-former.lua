-- Removes the job of an entry that an earlier Contour parked in Redis, with the notes that it kept of the entry:
--
--   contour:dlq:unknown:<fingerprint>             ids of the entries of an unknown account
--   contour:dlq:trace:<trace id>                  ids of the entries of a trace
--   contour:dlq:waiting                           accounts that have entries waiting for them
--   contour:dlq:waiting:<channel>:<fingerprint>   ids of those entries
--
-- ARGV  1  the entry's id
--       2  the SHA-1 of the job's data as it was read; changed data stay, because an older worker renewed them
-- Returns nothing.
--
-- A full Redis runs it, because it only removes. Run twice: it changes nothing more.

local NOTES = 'contour:dlq:'

local function forget_notes(id, text)
  local ok, entry = pcall(cjson.decode, text)
  local message = ok and type(entry) == 'table' and entry.message
  if type(message) ~= 'table' then return end
  redis.call('SREM', NOTES .. 'unknown:' .. message.fingerprint, id)
  redis.call('SREM', NOTES .. 'trace:' .. message.traceId, id)
  local account = message.channel .. ':' .. message.fingerprint
  local waiting = NOTES .. 'waiting:' .. account
  if redis.call('ZREM', waiting, id) == 1 and redis.call('EXISTS', waiting) == 0 then
    redis.call('SREM', NOTES .. 'waiting', account)
  end
end

local id, digest = unpack(ARGV)
local job = 'bull:dlq:' .. id
local text = redis.call('HGET', job, 'data')
if not text or redis.sha1hex(text) ~= digest then return end
forget_notes(id, text)
redis.call('ZREM', 'bull:dlq:prioritized', id)
redis.call('DEL', job, job .. ':logs')
