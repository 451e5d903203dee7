import { expect, it } from 'vitest';
import { type ClientId, isUuid, messageIdOf, type TenantId, uuidv7 } from '../src/index.ts';

it('makes UUIDs of version 7 that sort by time', () => {
  const ids = [1, 1_000, 2 ** 40, Date.now()].map((time) => uuidv7(time));
  expect(ids.every((id) => isUuid(id) && id[14] === '7')).toBe(true);
  expect([...ids].sort()).toEqual(ids);
});

it('never makes the same UUID twice', () => {
  expect(new Set(Array.from({ length: 10_000 }, () => uuidv7(1))).size).toBe(10_000);
});

it('makes message ids of version 8 that differ for every identity', () => {
  const id = (messageIds: string[], externalChatId = 'c') =>
    messageIdOf({ channel: 'vk', fingerprint: 'f', externalChatId, messageIds });
  expect(id(['a'])[14]).toBe('8');
  expect(id(['a', 'b'])).toBe(id(['b', 'a']));
  expect(new Set([id(['a', 'b']), id(['a,b']), id(['a'], 'cb'), id(['b'])]).size).toBe(4);
});

it('does not compile with an id of another kind', () => {
  const tenantId: TenantId = uuidv7();
  // @ts-expect-error -- the compiler checks this
  const clientId: ClientId = tenantId;
  expect(clientId).toBe(tenantId);
});
