import { checkIncoming } from '@contour/contract';
import type { PushResult } from '@contour/core';
import { type Pool, resolveBatch } from '@contour/store';
import { afterEach, beforeEach, inject, onTestFinished, test, vi } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { messageTo } from '../../../test/support/messages.ts';
import { addTestTenant } from '../../../test/support/tenants.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createBell } from '../src/deliver/bell.ts';
import { createSettler } from '../src/deliver/create-settler.ts';
import { createTaker } from '../src/deliver/create-taker.ts';
import { runShard } from '../src/deliver/run-shard.ts';
import { createSlots } from '../src/deliver/slots.ts';
import { silent, uncounted } from './unheard.ts';

const SHARD = 0;

// Time stands still: a run looks because something has happened, and never because it is time to.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

/** A run over lanes of one message each, in which the test lets questions go and requests be answered. */
async function openRun({ lanes, places }: { lanes: number; places: number }) {
  const { pool, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const tenant = await addTestTenant(pool);
  const resolve = async (count: number) => {
    const arrivals = Array.from({ length: count }, () => {
      const checked = checkIncoming(messageTo(tenant.accounts.telegram));
      if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
      return { message: checked.message, phone: null };
    });
    await resolveBatch(pool, arrivals, { linkByPhone: true, shardCount: 1 });
  };
  await resolve(lanes);

  const asked: Array<() => void> = [];
  const gated = {
    async query(config: { name?: string }) {
      if (config.name === 'take_due') await new Promise<void>((go) => void asked.push(go));
      return pool.query(config as never);
    },
  } as unknown as Pool;
  const pushed: Array<(result: PushResult) => void> = [];
  const bell = createBell();
  const state = { mustStop: false, isCoreThere: true, listening: [] as boolean[] };
  const slots = createSlots(places, () => bell.ring());
  const run = runShard(
    {
      take: createTaker(gated, slots),
      slots,
      bell,
      core: { push: () => new Promise((answer) => void pushed.push(answer)) },
      settle: createSettler({
        pool,
        logger: silent,
        metrics: uncounted,
        stopping: new AbortController().signal,
      }),
      coreIsAvailable: () => state.isCoreThere,
      mustStop: () => state.mustStop,
      listen: () => void state.listening.push(true),
      stopListening: async () => void state.listening.push(false),
      logger: silent,
      metrics: uncounted,
      tracer: undefined,
      maxAttempts: 5,
      retryDelayMs: () => 0,
    },
    SHARD,
  );
  onTestFinished(async () => {
    state.mustStop = true;
    bell.nudge();
    for (const go of asked) go();
    for (const answer of pushed) answer({ outcome: 'aborted' });
    await run;
  });
  const reached = (what: string, list: unknown[], count: number) =>
    waitFor(`${what} ${count}`, () => list.length >= count);
  return {
    bell,
    state,
    resolve,
    slots,
    /** Lets this question go, once it has been asked. */
    async letAsk(nth: number) {
      await reached('question', asked, nth);
      asked[nth - 1]?.();
    },
    isAsked: (nth: number) => reached('question', asked, nth),
    isPushed: (nth: number) => reached('request', pushed, nth),
    /** Core takes this request, and it is marked. */
    async deliver(nth: number) {
      await reached('request', pushed, nth);
      const free = slots.free();
      pushed[nth - 1]?.({ outcome: 'delivered', status: 200, ms: 1 });
      await waitFor('its place to be free', () => slots.free() > free);
    },
  };
}

test('a place that comes free while the question is on its way is not left empty', async () => {
  const run = await openRun({ lanes: 6, places: 4 });
  // A tenant may hold half of the places: two.
  await run.letAsk(1);
  await run.isPushed(2);
  await run.letAsk(2);
  await run.deliver(1);
  await run.isAsked(3);
  await run.deliver(2);
  await run.letAsk(3);
  await run.isPushed(3);
  await run.isAsked(4);
  // Asked for one lane, as there was one place: now there are two, and nobody has rung.
  await run.deliver(3);
  await run.letAsk(4);
  await run.isPushed(4);
  await run.isAsked(5);
});

test('a run that Core’s circuit had made deaf listens again when it may send', async () => {
  const run = await openRun({ lanes: 1, places: 4 });
  await run.letAsk(1);
  await run.isPushed(1);
  run.state.isCoreThere = false;
  run.bell.ring();
  await waitFor('the run to be deaf', () => run.state.listening.at(-1) === false);
  run.state.isCoreThere = true;
  run.bell.ring();
  await waitFor('the run to listen', () => run.state.listening.at(-1) === true);
});
