import { checkIncoming } from '@contour/contract';
import { resolveBatch, takeDue } from '@contour/store';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { messageTo } from '../../../test/support/messages.ts';
import { addTestTenant } from '../../../test/support/tenants.ts';
import { createSettler, type Settle } from '../src/deliver/create-settler.ts';
import { deliverDialog } from '../src/deliver/deliver-dialog.ts';
import { silent, uncounted } from './unheard.ts';

test('marks of a dialog that goes on may wait for each other, and the last waits for nothing', async () => {
  const { pool, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const tenant = await addTestTenant(pool);
  const arrivals = Array.from({ length: 5 }, () => {
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
  const settler = createSettler({ pool, logger: silent, metrics: uncounted, stopping });
  const mayWait: boolean[] = [];
  const settle: Settle = (part, how) => {
    mayWait.push(how?.mayWait ?? false);
    return settler(part, how);
  };
  const end = await deliverDialog(
    {
      core: { push: async () => ({ outcome: 'delivered', status: 200, ms: 1 }) },
      settle,
      logger: silent,
      metrics: uncounted,
      tracer: undefined,
      mustStop: () => false,
      maxAttempts: 5,
      retryDelayMs: () => 0,
    },
    lane,
    lane.messages,
    false,
  );

  expect(end).toBe('worked_off');
  expect(mayWait).toEqual([true, true, true, true, false]);
  const { rows } = await pool.query(
    `select (select count(*)::int from messages where status = 'delivered') as delivered,
            (select count(*)::int from lanes) as lanes`,
  );
  expect(rows).toEqual([{ delivered: 5, lanes: 0 }]);
});
