import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRoom } from '../src/index.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const backlogOf = (there: { jobs: number }) => async () => ({
  waiting: there.jobs,
  delayed: 0,
  active: 0,
});

test('jobs wait until they leave half of the backlog to senders', async () => {
  const there = { jobs: 41 };
  const room = createRoom({ backlog: backlogOf(there), maxBacklog: 100 });
  let hasRoom = false;
  const waiting = room(10).then(() => {
    hasRoom = true;
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(hasRoom).toBe(false);
  there.jobs = 40;
  await vi.advanceTimersByTimeAsync(200);
  await waiting;
});

test('more than there is ever room for goes into an empty queue', async () => {
  await createRoom({ backlog: backlogOf({ jobs: 0 }), maxBacklog: 10 })(200);
});

test('where patience ends it says so', async () => {
  vi.useRealTimers();
  const impatient = () => new Error('no room for it');
  const options = { backlog: backlogOf({ jobs: 90 }), maxBacklog: 100, patienceMs: 0, impatient };
  await expect(createRoom(options)(1)).rejects.toThrow('no room for it');
});
