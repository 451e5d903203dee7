/*
 * Which entries wait for their account, so that they are found without a look at all the others:
 *
 *   contour:dlq:waiting                           accounts for which something waits
 *   contour:dlq:waiting:<channel>:<fingerprint>   ids of its entries, by the time of receipt
 */
export const WAITING = 'contour:dlq:waiting';

/** Lua that a script of the dead-letter queue begins with. */
export const WAITING_NOTES = `
local function waits(reason)
  return reason == 'unknown_tenant' or reason == 'tenant_disabled'
end
local function note(channel, fingerprint, id, received)
  if fingerprint == '' then return end
  local account = channel .. ':' .. fingerprint
  redis.call('ZADD', '${WAITING}:' .. account, received, id)
  redis.call('SADD', '${WAITING}', account)
end
local function forget(channel, fingerprint, id)
  local account = channel .. ':' .. fingerprint
  if redis.call('ZREM', '${WAITING}:' .. account, id) == 0 then return end
  if redis.call('EXISTS', '${WAITING}:' .. account) == 0 then
    redis.call('SREM', '${WAITING}', account)
  end
end
`;
