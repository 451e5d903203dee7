import type { DlqReason } from '@contour/contract';
import type { Redis } from 'ioredis';

const KEPT_SECONDS = 7 * 24 * 60 * 60;
const FORMER = 'contour:dlq:former:';

export const formerKey = (id: string): string => `${FORMER}${id}`;

/** How an entry left the dead-letter queue; of one that was erased nothing is to be remembered. */
export type Leaving = 'let_in' | 'cleared';
export const ERASED = 'erased';

/** What is remembered for a week of an entry that is gone: a message's story has a hole without it. */
export interface FormerEntry {
  reason: DlqReason;
  failedAt: string;
  leftAt: string;
  leaving: Leaving;
}

/** Lua for the script that removes: the removal and the note are one. */
export const REMEMBER = `
local function remember(id, entry, leaving)
  if leaving == '${ERASED}' then return redis.call('DEL', '${FORMER}' .. id) end
  local time = redis.call('TIME')
  local note = {reason = entry.reason, failedAt = entry.failedAt, leaving = leaving,
                leftMs = time[1] * 1000 + math.floor(time[2] / 1000)}
  redis.call('SET', '${FORMER}' .. id, cjson.encode(note), 'EX', ${KEPT_SECONDS})
end
`;

export async function findFormer(client: Redis, id: string): Promise<FormerEntry | null> {
  const text = await client.get(formerKey(id));
  if (text === null) return null;
  const { leftMs, ...note } = JSON.parse(text);
  return { ...note, leftAt: new Date(leftMs).toISOString() };
}
