import { checkIncoming } from '@contour/contract';
import type { Core } from '@contour/core';
import { settle, takeDue } from '@contour/store/lanes';
import { resolveBatch } from '@contour/store/resolve';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { messageTo } from '../../../test/support/messages.ts';
import { addTestTenant } from '../../../test/support/tenants.ts';
import { deliverDialog } from '../src/deliver/deliver-dialog.ts';
import { createSettler } from '../src/deliver/settler.ts';
import { silent, uncounted } from './unheard.ts';

/** A lane with so many messages of one dialog that is due, and what its delivery needs beside Core. */
async function openLane(count: number) {
  const { pool, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const tenant = await addTestTenant(pool);
  const arrivals = Array.from({ length: count }, () => {
    const checked = checkIncoming(
      messageTo(tenant.accounts.telegram, { external_chat_id: 'chat' }),
    );
    if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
    return { message: checked.message, phone: null };
  });
  await resolveBatch(pool, arrivals, { linkByPhone: true, shardCount: 1 });
  const limits = { lanes: 1, messagesPerLane: 50, lanesPerTenant: 1 };
  const [lane] = await takeDue(pool, { ...limits, shards: [0], notDialogs: [], rooms: [] });
  if (lane === undefined) throw new Error('no lane is due');
  const stopping = new AbortController().signal;
  const deps = {
    settle: createSettler({
      write: (settlement) => settle(pool, settlement),
      ...{ logger: silent, observer: uncounted, stopping },
    }),
    logger: silent,
    observer: uncounted,
    tracer: undefined,
    mustStop: () => false,
    maxAttempts: 5,
    retryDelayMs: () => 0,
  };
  return { pool, tenant, lane, deps };
}

test('a message that is postponed keeps its place, its attempts and its last error', async () => {
  const { pool, tenant, lane, deps } = await openLane(3);
  const pushed: Array<{ tenantId: string; messageId: string }> = [];
  const core: Pick<Core, 'push'> = {
    async push({ tenantId, messageId }) {
      pushed.push({ tenantId, messageId });
      if (pushed.length === 1) return { outcome: 'delivered', status: 200, ms: 1 };
      return { outcome: 'postponed', code: 'http_401', status: 401, ms: 1, delayMs: 60_000 };
    },
  };
  const end = await deliverDialog({ ...deps, core }, lane, lane.messages, false);

  expect(end).toBe('postponed');
  const sent = lane.messages.slice(0, 2).map(({ messageId }) => messageId);
  expect(pushed).toEqual(sent.map((messageId) => ({ tenantId: tenant.id, messageId })));
  const { rows } = await pool.query(
    'select seq, status, attempts, last_error, attempt_log from messages order by seq',
  );
  const waiting = { status: 'pending', attempts: 0, last_error: null, attempt_log: null };
  expect(rows).toEqual([
    { ...waiting, seq: 1, status: 'delivered', attempts: 1 },
    { ...waiting, seq: 2 },
    { ...waiting, seq: 3 },
  ]);
  const { rows: lanes } = await pool.query(
    "select due_at > now() + interval '50 s' as waits, version > $1 as is_new from lanes",
    [lane.version],
  );
  expect(lanes).toEqual([{ waits: true, is_new: true }]);
});
