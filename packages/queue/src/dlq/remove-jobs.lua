-- Removes the jobs that show entries of the dead-letter queue.
-- Needs version-of.lua.
--
-- ARGV  pairs of an id and a version; with an empty version the job is removed whatever its version
-- Returns nothing.
--
-- A full Redis runs it, because it only removes. Run twice: it changes nothing more.

for i = 1, #ARGV, 2 do
  local id, version = ARGV[i], ARGV[i + 1]
  local text, shown = version_of(id)
  if shown and (version == '' or shown == tonumber(version)) then
    redis.call('ZREM', JOB .. 'prioritized', id)
    redis.call('DEL', JOB .. id, JOB .. id .. ':logs')
  end
end
