import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { messagesOf } from '../support/messages.ts';
import type { BuiltProcess } from '../support/processes.ts';
import { acceptedCount, type RunningLoad, startLoad } from '../support/send.ts';
import { waitFor } from '../support/wait-for.ts';

const RECOVERY_MS = 15_000;

/** Each test takes one process away at most: in any order enough of them are left. */
let contour: Contour;
beforeAll(async () => {
  contour = await startContour({ apis: 2, workers: 3 });
});
afterAll(() => contour?.close());
beforeEach(() => contour.core.behave(() => ({ status: 200 })));

const anyOf = (processes: readonly BuiltProcess[]) => processes.find((one) => !one.ended());

async function allHolds(load: RunningLoad): Promise<void> {
  const { accepted } = await load.done;
  expect(await contour.check({ accepted })).toEqual([]);
  expect(await contour.dlq()).toEqual([]);
}

/** A load that is well under way: harm done now hits work in all its stages. */
async function underLoad(paceMs = 0) {
  const { telegram } = (await contour.addTenant()).accounts;
  const load = startLoad({
    urls: contour.urls,
    messages: messagesOf(telegram, { count: 500, chats: 60 }),
    concurrency: 30,
    paceMs,
  });
  await acceptedCount(load, 150);
  return load;
}

test('kill -9 of a worker costs at most 15 s', async () => {
  // A Core that takes its time, so that deliveries are under way when their worker dies.
  contour.core.behave(() => ({ status: 200, delayMs: 20 }));
  const load = await underLoad();
  await anyOf(contour.workers)?.kill('SIGKILL');
  const killedAt = Date.now();
  const caught = [...load.sent];
  const areDelivered = async () => {
    const { rows } = await contour.database.pool.query<{ count: number }>(
      "select count(*)::int from messages where id = any($1) and status = 'delivered'",
      [caught],
    );
    return rows[0]?.count === caught.length;
  };
  await waitFor('what was on its way', areDelivered, { deadlineMs: 30_000, everyMs: 100 });
  const recoveryMs = Date.now() - killedAt;
  console.log(`recovered from a killed worker in ${recoveryMs} ms`);
  expect(recoveryMs).toBeLessThanOrEqual(RECOVERY_MS);
  await allHolds(load);
});

test('kill -9 of an API loses nothing that it answered', async () => {
  const load = await underLoad();
  await anyOf(contour.apis)?.kill('SIGKILL');
  await allHolds(load);
});

test('kill -9 of Redis loses nothing that was answered, and work goes on by itself', async () => {
  const load = await underLoad();
  await contour.redis.kill();
  await contour.redis.start();
  await allHolds(load);
});

test('Postgres backends that are terminated again and again lose nothing', async () => {
  const load = await underLoad(400);
  let terminated = 0;
  const terminate = async () => {
    const { rowCount } = await contour.database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name <> 'contour-test'`,
    );
    terminated += rowCount ?? 0;
    return terminated >= 40;
  };
  await waitFor('forty terminated backends', terminate, { deadlineMs: 60_000, everyMs: 500 });
  await allHolds(load);
});
