-- A part of renew-jobs.lua and remove-jobs.lua.
-- version_of(id) returns the data of an entry's job, and its version. An entry of an earlier Contour has data but no
-- version: it is not in Postgres yet, so those scripts leave it alone.

local JOB = 'bull:dlq:'

local function version_of(id)
  local text = redis.call('HGET', JOB .. id, 'data')
  local ok, job = pcall(cjson.decode, text or '')
  return text, ok and type(job) == 'table' and job.v == 2 and job.version
end
