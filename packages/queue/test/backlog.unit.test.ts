import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createBacklogWait } from '../src/limits/backlog.ts';

const backlogOf = (there: { jobs: number }) => async () => ({
  waiting: there.jobs,
  delayed: 0,
  active: 0,
});

test('jobs wait until they leave half of the backlog to senders', async () => {
  const there = { jobs: 41 };
  const room = createBacklogWait({ backlog: backlogOf(there), maxBacklog: 100 });
  let hasRoom = false;
  const waiting = room(10).then(() => {
    hasRoom = true;
  });
  for (let n = 0; n < 10; n += 1) await turn();
  expect(hasRoom).toBe(false);
  there.jobs = 40;
  await waiting;
});

test('a part that never fits is added to an empty queue', async () => {
  await createBacklogWait({ backlog: backlogOf({ jobs: 0 }), maxBacklog: 10 })(200);
});

test('waiting for room throws after patienceMs', async () => {
  const impatient = () => new Error('no room for it');
  const options = { backlog: backlogOf({ jobs: 90 }), maxBacklog: 100, patienceMs: 0, impatient };
  await expect(createBacklogWait(options)(1)).rejects.toThrow('no room for it');
});
