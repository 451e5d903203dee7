import { checkIncoming } from '@contour/contract';
import type { Limits, PushResult } from '@contour/core';
import { createLaneMarks, resolveBatch } from '@contour/store';
import { afterEach, beforeEach, expect, inject, onTestFinished, test, vi } from 'vitest';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { messageTo } from '../../../test/support/messages.ts';
import type { Pool } from '../../../test/support/outside-pool.ts';
import { addTestTenant, type TestTenant } from '../../../test/support/tenants.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createBell } from '../src/deliver/bell.ts';
import { createBytesInHand } from '../src/deliver/bytes-in-hand.ts';
import { createSettler } from '../src/deliver/create-settler.ts';
import { createTaker } from '../src/deliver/create-taker.ts';
import { runShard } from '../src/deliver/run-shard.ts';
import { createSlots } from '../src/deliver/slots.ts';
import { silent, uncounted } from './unheard.ts';

const SHARD = 0;

const FREE: Limits = { total: Infinity, perTenant: Infinity, rooms: [] };

// Time stands still: a run looks because something has happened, and never because it is time to.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

/** A run over lanes of one message each, in which the test lets questions go and requests be answered. */
async function openRun(o: {
  lanes: number;
  places: number;
  /** Questions wait until the test lets them go. */
  isGated?: true;
  limits?: (tenantId: string) => Limits;
}) {
  const { lanes, places, isGated = false, limits = () => FREE } = o;
  const { pool, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const addTenant = () => addTestTenant(pool);
  const tenant = await addTenant();
  const resolve = async (count: number, { accounts }: TestTenant = tenant) => {
    const arrivals = Array.from({ length: count }, () => {
      const checked = checkIncoming(messageTo(accounts.telegram));
      if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
      return { message: checked.message, phone: null };
    });
    await resolveBatch(pool, arrivals, { linkByPhone: true, shardCount: 1 });
  };
  await resolve(lanes);

  const state = {
    mustStop: false,
    isCoreThere: true,
    listening: [] as boolean[],
    limits: limits(tenant.id),
    hasRoundBegun: false,
    afterPush: (_tenantId: string): void => {},
  };
  const asked: Array<() => void> = [];
  const gated = {
    async query(config: { name?: string }) {
      if (isGated && config.name === 'take_due')
        await new Promise<void>((go) => void asked.push(go));
      return pool.query(config as never);
    },
  } as unknown as Pool;
  const pushed: Array<{ tenantId: string; answer: (result: PushResult) => void }> = [];
  const bell = createBell();
  const slots = createSlots(places, () => bell.ring());
  const startRound = () => {
    const hadBegun = state.hasRoundBegun;
    if (hadBegun) state.limits = { ...state.limits, rooms: [] };
    state.hasRoundBegun = false;
    return hadBegun;
  };
  const core = { limits: () => state.limits, startRound };
  const bytes = createBytesInHand(1024 * 1024);
  const run = runShard(
    {
      take: createTaker({ pool: gated, slots, core, bytes, marks: createLaneMarks() }),
      slots,
      bytes,
      bell,
      core: {
        push: ({ tenantId }) => {
          state.afterPush(tenantId);
          return new Promise((answer) => void pushed.push({ tenantId, answer }));
        },
      },
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
    for (const { answer } of pushed) answer({ outcome: 'aborted' });
    await run;
  });
  const reached = (what: string, list: unknown[], count: number) =>
    waitFor(`${what} ${count}`, () => list.length >= count);
  const taken: PushResult = { outcome: 'delivered', status: 200, ms: 1 };
  const answer = async (nth: number, result: PushResult) => {
    await reached('request', pushed, nth);
    const free = slots.free();
    pushed[nth - 1]?.answer(result);
    await waitFor('its place to be free', () => slots.free() > free);
  };
  const pushedOf = (id: string) => pushed.filter(({ tenantId }) => tenantId === id).length;
  return {
    bell,
    state,
    tenant,
    addTenant,
    resolve,
    slots,
    answer,
    /** Lets this question go, once it has been asked. */
    async letAsk(nth: number) {
      await reached('question', asked, nth);
      asked[nth - 1]?.();
    },
    isAsked: (nth: number) => reached('question', asked, nth),
    isPushed: (nth: number) => reached('request', pushed, nth),
    /** Core takes this request, and it is marked. */
    deliver: (nth: number) => answer(nth, taken),
    /** Core takes this request. */
    take: (nth: number) => pushed[nth - 1]?.answer(taken),
    pushedOf,
    isPushedOf: ({ id }: TestTenant, count: number) =>
      waitFor(`request ${count} of a tenant`, () => pushedOf(id) === count),
  };
}

test('a place that comes free while the question is on its way is not left empty', async () => {
  const run = await openRun({ lanes: 6, places: 3, isGated: true });
  // A tenant alone may hold all but the reserve: two.
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
  const run = await openRun({ lanes: 1, places: 4, isGated: true });
  await run.letAsk(1);
  await run.isPushed(1);
  run.state.isCoreThere = false;
  run.bell.ring();
  await waitFor('the run to be deaf', () => run.state.listening.at(-1) === false);
  run.state.isCoreThere = true;
  run.bell.ring();
  await waitFor('the run to listen', () => run.state.listening.at(-1) === true);
});

test('two tenants whose Core is slow leave a third the places that it needs', async () => {
  const run = await openRun({ lanes: 30, places: 20 });
  const [slow, alsoSlow, healthy] = [run.tenant, await run.addTenant(), await run.addTenant()];
  await run.isPushedOf(slow, 18);
  await run.resolve(30, alsoSlow);
  run.bell.ring();
  await run.isPushedOf(alsoSlow, 1);
  for (let nth = 1; nth <= 5; nth += 1) {
    await run.resolve(1, healthy);
    run.bell.ring();
    await run.isPushedOf(healthy, nth);
    await run.deliver(19 + nth);
  }
  // The first place that comes free fills the reserve up; the next are the second’s, until both have an equal share.
  await run.deliver(1);
  for (let nth = 2; nth <= 9; nth += 1) {
    run.take(nth);
    await run.isPushedOf(alsoSlow, nth);
  }
  expect([run.pushedOf(slow.id), run.slots.free()]).toEqual([18, 2]);
});

test('a slow dialog delays no other dialog when the run might let go of its shard', async () => {
  const run = await openRun({ lanes: 1, places: 20 });
  const other = await run.addTenant();
  await run.isPushed(1);
  vi.advanceTimersByTime(1_300);
  await run.resolve(1, other);
  run.bell.ring();
  await run.isPushedOf(other, 1);
});

test('lanes of a tenant that may not send are not taken, and the others go on', async () => {
  const limits = (tenantId: string) => ({ ...FREE, rooms: [{ tenantId, room: 0 }] });
  const run = await openRun({ lanes: 5, places: 20, limits });
  const healthy = await run.addTenant();
  await run.resolve(3, healthy);
  run.bell.ring();
  await run.isPushedOf(healthy, 3);
  expect(run.pushedOf(run.tenant.id)).toBe(0);
  // A few probes may pass.
  const limitsNow = (room: number) => ({ ...FREE, rooms: [{ tenantId: run.tenant.id, room }] });
  let room = 2;
  run.state.limits = limitsNow(room);
  run.state.afterPush = () => {
    room -= 1;
    run.state.limits = limitsNow(room);
  };
  run.bell.ring();
  await run.isPushedOf(run.tenant, 2);
});

test('a dialog that is held ends the run for no other, and stays due', async () => {
  const run = await openRun({ lanes: 2, places: 20 });
  const healthy = await run.addTenant();
  await run.isPushed(2);
  run.state.limits = { ...FREE, rooms: [{ tenantId: run.tenant.id, room: 0 }] };
  await run.answer(1, { outcome: 'held' });
  await run.answer(2, { outcome: 'held' });
  await run.resolve(1, healthy);
  run.bell.ring();
  await run.isPushedOf(healthy, 1);
  run.state.limits = FREE;
  run.bell.ring();
  await run.isPushedOf(run.tenant, 4);
});

test('a dialog that cannot continue is left alone, and the others go on', async () => {
  const run = await openRun({ lanes: 1, places: 20 });
  await run.answer(1, { outcome: 'aborted' });
  await run.resolve(2);
  run.bell.ring();
  await run.isPushed(3);
  run.bell.ring();
  await run.deliver(2);
  await run.deliver(3);
  expect(run.pushedOf(run.tenant.id)).toBe(3);
});

test('while all fail, one lane of a tenant is taken, and tried tenants come after the others', async () => {
  const limits = (tenantId: string) => ({
    total: 3,
    perTenant: 1,
    rooms: [{ tenantId, room: 0 }],
  });
  const run = await openRun({ lanes: 5, places: 20, limits });
  const [tried, other] = [run.tenant, await run.addTenant()];
  run.state.afterPush = (tenantId) => {
    const { total, rooms } = run.state.limits;
    run.state.limits = { total: total - 1, perTenant: 1, rooms: [...rooms, { tenantId, room: 0 }] };
  };
  await run.resolve(5, other);
  run.bell.ring();
  await run.isPushedOf(other, 1);
  expect(run.pushedOf(tried.id)).toBe(0);
  // Nothing is due of any that was not tried: the round begins anew.
  run.state.hasRoundBegun = true;
  run.bell.ring();
  await waitFor('all probes to be under way', () => run.state.limits.total === 0);
  expect([run.pushedOf(tried.id), run.pushedOf(other.id)]).toEqual([1, 2]);
});
