-- Renews the jobs that show entries of the dead-letter queue, unless Redis shows a newer version.
-- Needs version-of.lua.
--
-- ARGV  groups of four: id, version, job name, job data
-- Returns the ids that have no job.
--
-- A full Redis refuses a renewal. Workers try again once a second.
-- Run twice: it changes nothing more.

local missing = {}
for i = 1, #ARGV, 4 do
  local id, version, name, data = unpack(ARGV, i, i + 3)
  local text, shown = version_of(id)
  if not text then
    missing[#missing + 1] = id
  elseif shown and shown < tonumber(version) then
    redis.call('HSET', JOB .. id, 'data', data, 'name', name)
  end
end
return missing
