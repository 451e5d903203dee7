-- Reads a page of the jobs that show entries of the dead-letter queue, in the order in which they were added.
--
-- ARGV  1  the score after which the page begins, as ZRANGEBYSCORE takes it
--       2  how many jobs a page may have
--       3  after how many bytes of data a page ends
-- Returns a list of: id, score, data.
--
-- It writes nothing: a full Redis answers, and it may run any number of times.

local JOB = 'bull:dlq:'
local found = redis.call('ZRANGEBYSCORE', JOB .. 'prioritized', ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local page, bytes = {}, 0
for i = 1, #found, 2 do
  local text = redis.call('HGET', JOB .. found[i], 'data') or ''
  bytes = bytes + #text
  page[#page + 1] = {found[i], found[i + 1], text}
  if bytes > tonumber(ARGV[3]) then break end
end
return page
