import { expect, it } from 'vitest';
import { laneFacts } from '../src/index.ts';
import { arrival, openBundle } from './bundle.ts';

it('counts due lanes and lanes that wait for a retry, and measures the age of the oldest due one', async () => {
  const { pool, tenant, resolve } = await openBundle();
  expect(await laneFacts(pool)).toEqual({ due: 0, blocked: 0, oldestDueSeconds: 0 });
  await resolve(...['a', 'b', 'c'].map((chat) => arrival(tenant, { external_chat_id: chat })));
  await pool.query("update lanes set due_at = now() + interval '1 hour'");
  expect(await laneFacts(pool)).toEqual({ due: 0, blocked: 3, oldestDueSeconds: 0 });
  await pool.query(
    `update lanes set due_at = now() - interval '1 minute'
      where dialog_id in (select dialog_id from lanes limit 2)`,
  );
  const { due, blocked, oldestDueSeconds } = await laneFacts(pool);
  expect({ due, blocked }).toEqual({ due: 2, blocked: 1 });
  expect(oldestDueSeconds).toBeGreaterThanOrEqual(60);
  expect(oldestDueSeconds).toBeLessThan(120);
});
