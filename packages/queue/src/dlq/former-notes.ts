/*
 * Notes of an earlier version in Redis about its entries. They are removed together with an entry:
 *
 *   contour:dlq:unknown:<fingerprint>             ids of an unknown account's entries
 *   contour:dlq:trace:<trace id>                  ids of a trace's entries
 *   contour:dlq:waiting                           accounts for which something waits
 *   contour:dlq:waiting:<channel>:<fingerprint>   ids of its entries
 */
const UNKNOWN = 'contour:dlq:unknown:';
const TRACE = 'contour:dlq:trace:';
const WAITING = 'contour:dlq:waiting';

/** The first lines of a Lua script that uses them. */
export const FORGET_FORMER = `
local function forget_former(id, text)
  local ok, entry = pcall(cjson.decode, text)
  local message = ok and type(entry) == 'table' and entry.message
  if type(message) ~= 'table' then return end
  local account = message.channel .. ':' .. message.fingerprint
  redis.call('SREM', '${UNKNOWN}' .. message.fingerprint, id)
  redis.call('SREM', '${TRACE}' .. message.traceId, id)
  if redis.call('ZREM', '${WAITING}:' .. account, id) == 1 and
      redis.call('EXISTS', '${WAITING}:' .. account) == 0 then
    redis.call('SREM', '${WAITING}', account)
  end
end
`;
