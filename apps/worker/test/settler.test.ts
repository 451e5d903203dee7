import { checkIncoming } from '@contour/contract';
import { type DueLane, settle as settleIn, takeDue } from '@contour/store/lanes';
import { resolveBatch } from '@contour/store/resolve';
import { beforeEach, expect, inject, onTestFinished, test } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { messageTo } from '../../../test/support/messages.ts';
import { openAsStore, type Pool } from '../../../test/support/outside-pool.ts';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { createSettler, type DialogPart } from '../src/deliver/settler.ts';
import { silent, uncounted } from './unheard.ts';

let url: string;
let pool: Pool;
let lanes: DueLane[];

async function resolveFor({ accounts }: TestTenant, chats: readonly string[]): Promise<void> {
  const arrivals = chats.map((chat) => {
    const checked = checkIncoming(messageTo(accounts.telegram, { external_chat_id: chat }));
    if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
    return { message: checked.message, phone: null };
  });
  await resolveBatch(pool, arrivals, { linkByPhone: true, shardCount: 1 });
}

const takeAll = () =>
  takeDue(pool, {
    ...{ lanes: 50, messagesPerLane: 50, lanesPerTenant: 50 },
    ...{ shards: [0], notDialogs: [], rooms: [] },
  });

beforeEach(async () => {
  const { drop, ...database } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  ({ pool, url } = database);
  await resolveFor(await addTestTenant(pool), ['a', 'b', 'c', 'c']);
  lanes = await takeAll();
});

/** Marks are written through this pool. */
const settlerOf = (settlePool: Pool) =>
  createSettler({
    write: (settlement) => settleIn(settlePool, settlement),
    ...{ logger: silent, observer: uncounted, stopping: new AbortController().signal },
  });

/** The marks of a lane's messages, and with the last its lane. */
const partsOf = (lane: DueLane): DialogPart[] =>
  lane.messages.map(({ tenantId, messageId, attempts: earlier }, at) => ({
    dialogId: lane.dialogId,
    attempts: [{ tenantId, messageId, earlier, status: 'delivered', error: null }],
    emptied: at === lane.messages.length - 1 ? [lane] : [],
  }));

/** Another application's trigger refuses the first message of the last lane. */
async function refuseOne(): Promise<DueLane> {
  const refused = lanes.find(({ messages }) => messages.length === 2);
  if (refused === undefined) throw new Error('there is no lane of two messages');
  await pool.query(
    `create function refuse() returns trigger language plpgsql as $$
       begin raise exception 'not this one'; end $$;
     create trigger refuse before update on messages for each row
       when (new.id = '${refused.messages[0]?.messageId}') execute function refuse()`,
  );
  return refused;
}

const left = async () =>
  (
    await pool.query<{ dialog_id: string; lanes: number; pending: number }>(
      `select l.dialog_id, (select count(*)::int from lanes) as lanes,
              (select count(*)::int from messages where status = 'pending') as pending
         from lanes l`,
    )
  ).rows;

test('a refused mark is tried again beside the others, and its lane stays until then', async () => {
  const refused = await refuseOne();
  const settle = settlerOf(pool);
  const ends = lanes.map((lane) => Promise.all(partsOf(lane).map((part) => settle(part))));
  const others = ends.filter((_, at) => lanes[at] !== refused);
  await Promise.all(others);
  expect(await left()).toEqual([{ dialog_id: refused.dialogId, lanes: 1, pending: 2 }]);

  await pool.query('drop trigger refuse on messages');
  await Promise.all(ends);
  expect(await left()).toEqual([]);
});

test('locked lanes delay the marks of their own tenant only', async () => {
  const [locked, free] = [await addTestTenant(pool), await addTestTenant(pool)];
  const chats = Array.from({ length: 12 }, (_, at) => `chat ${at}`);
  await resolveFor(locked, chats);
  await resolveFor(free, ['chat']);
  const due = await takeAll();
  const partsFor = ({ id }: TestTenant) =>
    due.filter(({ tenantId }) => tenantId === id).flatMap(partsOf);
  const session = await pool.connect();
  await session.query('begin');
  await session.query('select from lanes where tenant_id = $1 for update', [locked.id]);

  const settlePool = openAsStore({
    ...{ url, applicationName: 'settle', lockTimeoutMs: 200, onError: () => undefined },
  });
  onTestFinished(() => settlePool.end());
  const settle = settlerOf(settlePool);
  const startedAt = performance.now();
  const ends = partsFor(locked).map((part) => settle(part));
  await Promise.all(partsFor(free).map((part) => settle(part)));
  // One try of all together, and one of the first locked lane alone.
  expect(performance.now() - startedAt).toBeLessThan(1_200);

  await session.query('rollback');
  session.release();
  await Promise.all(ends);
  expect(new Set((await left()).map(({ dialog_id }) => dialog_id))).toEqual(
    new Set(lanes.map(({ dialogId }) => dialogId)),
  );
});
