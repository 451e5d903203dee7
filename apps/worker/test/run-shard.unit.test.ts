import type { Limits, PushResult } from '@contour/core';
import type { DueLane, Wanted } from '@contour/store/lanes';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { createPlaces } from '../src/deliver/places.ts';
import { createBell, runShard } from '../src/deliver/run-shard.ts';
import { createTaker } from '../src/deliver/take-lanes.ts';
import { silent, uncounted } from './unheard.ts';

const SHARD = 0;

const FREE: Limits = { total: Infinity, perTenant: Infinity, rooms: [] };

// Time stands still: a run looks because something has happened, and never because it is time to look.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

/** Due lanes of one message each, in memory. They are chosen as the store chooses them: each tenant in turn. */
function createLanes() {
  let added = 0;
  const due: DueLane[] = [];
  return {
    add(tenantId: string): void {
      added += 1;
      const dialogId = `dialog ${added}`;
      const message = {
        ...{ tenantId, dialogId, messageId: `message ${added}`, traceId: '', traceParent: null },
        ...{ seq: 1, attempts: 0, attemptsBefore: 0, lastError: null, receivedAt: new Date() },
        payload: '{}',
      };
      const lane = { tenantId, dialogId, version: '1', shard: SHARD, messages: [message] };
      due.push({ ...lane, hasMore: false, bytes: 2 });
    },
    take({ lanes, lanesPerTenant, rooms, notDialogs }: Wanted): DueLane[] {
      const places = new Map<string, number>();
      const roomOf = new Map(rooms.map(({ tenantId, room }) => [tenantId, room]));
      return due
        .filter(({ dialogId }) => !notDialogs.includes(dialogId))
        .map((lane) => {
          const place = (places.get(lane.tenantId) ?? 0) + 1;
          places.set(lane.tenantId, place);
          return { lane, place };
        })
        .filter(({ lane, place }) => place <= (roomOf.get(lane.tenantId) ?? lanesPerTenant))
        .sort((one, other) => one.place - other.place)
        .slice(0, lanes)
        .map(({ lane }) => lane);
    },
    remove(dialogId: string): void {
      due.splice(
        due.findIndex((lane) => lane.dialogId === dialogId),
        1,
      );
    },
  };
}

/** A run over lanes of one message each, in which the test lets questions go and requests be answered. */
function openRun(o: {
  lanes: number;
  places: number;
  /** Questions wait until the test lets them go. */
  isGated?: true;
  limits?: (tenantId: string) => Limits;
}) {
  const { isGated = false, limits = () => FREE } = o;
  const lanes = createLanes();
  let tenants = 0;
  const addTenant = () => {
    tenants += 1;
    return { id: `tenant ${tenants}` };
  };
  const tenant = addTenant();
  const resolve = (count: number, { id } = tenant) => {
    for (let n = 0; n < count; n += 1) lanes.add(id);
  };
  resolve(o.lanes);

  const state = {
    mustStop: false,
    isCoreThere: true,
    listening: [] as boolean[],
    limits: limits(tenant.id),
    hasRoundBegun: false,
    afterPush: (_tenantId: string): void => {},
  };
  const asked: Array<() => void> = [];
  const pushed: Array<{ tenantId: string; answer: (result: PushResult) => void }> = [];
  const bell = createBell();
  const places = createPlaces({ total: o.places, bytes: 1024 * 1024, onRoom: () => bell.ring() });
  const startRound = () => {
    const hadBegun = state.hasRoundBegun;
    if (hadBegun) state.limits = { ...state.limits, rooms: [] };
    state.hasRoundBegun = false;
    return hadBegun;
  };
  const run = runShard(
    {
      ...{ places, bell, logger: silent, observer: uncounted, tracer: undefined },
      take: createTaker({
        ...{ places, core: { limits: () => state.limits, startRound } },
        async takeDue(wanted) {
          if (isGated) await new Promise<void>((go) => void asked.push(go));
          return lanes.take(wanted);
        },
      }),
      core: {
        available: () => state.isCoreThere,
        push: ({ tenantId }) => {
          state.afterPush(tenantId);
          return new Promise((answer) => void pushed.push({ tenantId, answer }));
        },
      },
      async settle({ emptied = [] }) {
        for (const { dialogId } of emptied) lanes.remove(dialogId);
      },
      mustStop: () => state.mustStop,
      listen: () => void state.listening.push(true),
      stopListening: async () => void state.listening.push(false),
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
    const free = places.free();
    pushed[nth - 1]?.answer(result);
    await waitFor('its place to be free', () => places.free() > free);
  };
  const pushedOf = (id: string) => pushed.filter(({ tenantId }) => tenantId === id).length;
  return {
    bell,
    state,
    tenant,
    addTenant,
    resolve,
    places,
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
    isPushedOf: ({ id }: { id: string }, count: number) =>
      waitFor(`request ${count} of a tenant`, () => pushedOf(id) === count),
  };
}

test('a place that comes free during a look is not left empty', async () => {
  const run = openRun({ lanes: 6, places: 3, isGated: true });
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
  // Asked for one lane, as there was one place: now there are two, and the bell has not rung.
  await run.deliver(3);
  await run.letAsk(4);
  await run.isPushed(4);
  await run.isAsked(5);
});

test('a run stops listening while a circuit of Core is open, and listens again when it may send', async () => {
  const run = openRun({ lanes: 1, places: 4, isGated: true });
  await run.letAsk(1);
  await run.isPushed(1);
  run.state.isCoreThere = false;
  run.bell.ring();
  await waitFor('the run to stop listening', () => run.state.listening.at(-1) === false);
  run.state.isCoreThere = true;
  run.bell.ring();
  await waitFor('the run to listen', () => run.state.listening.at(-1) === true);
});

test('two tenants whose Core is slow leave a third the places that it needs', async () => {
  const run = openRun({ lanes: 30, places: 20 });
  const [slow, alsoSlow, healthy] = [run.tenant, run.addTenant(), run.addTenant()];
  await run.isPushedOf(slow, 18);
  run.resolve(30, alsoSlow);
  run.bell.ring();
  await run.isPushedOf(alsoSlow, 1);
  for (let nth = 1; nth <= 5; nth += 1) {
    run.resolve(1, healthy);
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
  expect([run.pushedOf(slow.id), run.places.free()]).toEqual([18, 2]);
});

test('a slow dialog delays no other dialog when the run might let go of its shard', async () => {
  const run = openRun({ lanes: 1, places: 20 });
  const other = run.addTenant();
  await run.isPushed(1);
  vi.advanceTimersByTime(1_300);
  run.resolve(1, other);
  run.bell.ring();
  await run.isPushedOf(other, 1);
});

test('lanes of a tenant that may not send are not taken, and the others go on', async () => {
  const limits = (tenantId: string) => ({ ...FREE, rooms: [{ tenantId, room: 0 }] });
  const run = openRun({ lanes: 5, places: 20, limits });
  const healthy = run.addTenant();
  run.resolve(3, healthy);
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
  const run = openRun({ lanes: 2, places: 20 });
  const healthy = run.addTenant();
  await run.isPushed(2);
  run.state.limits = { ...FREE, rooms: [{ tenantId: run.tenant.id, room: 0 }] };
  await run.answer(1, { outcome: 'held' });
  await run.answer(2, { outcome: 'held' });
  run.resolve(1, healthy);
  run.bell.ring();
  await run.isPushedOf(healthy, 1);
  run.state.limits = FREE;
  run.bell.ring();
  await run.isPushedOf(run.tenant, 4);
});

test('a dialog that cannot continue is left alone, and the others go on', async () => {
  const run = openRun({ lanes: 1, places: 20 });
  await run.answer(1, { outcome: 'aborted' });
  run.resolve(2);
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
  const run = openRun({ lanes: 5, places: 20, limits });
  const [tried, other] = [run.tenant, run.addTenant()];
  run.state.afterPush = (tenantId) => {
    const { total, rooms } = run.state.limits;
    run.state.limits = { total: total - 1, perTenant: 1, rooms: [...rooms, { tenantId, room: 0 }] };
  };
  run.resolve(5, other);
  run.bell.ring();
  await run.isPushedOf(other, 1);
  expect(run.pushedOf(tried.id)).toBe(0);
  // No tenant that was not tried has anything due: a new round begins.
  run.state.hasRoundBegun = true;
  run.bell.ring();
  await waitFor('all probes to be under way', () => run.state.limits.total === 0);
  expect([run.pushedOf(tried.id), run.pushedOf(other.id)]).toEqual([1, 2]);
});
