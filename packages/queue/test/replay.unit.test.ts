import { setTimeout as delay } from 'node:timers/promises';
import type { Reply, ResolveJob } from '@contour/contract';
import { expect, test } from 'vitest';
import { entry } from '../../../test/support/samples.ts';
import { createReplay } from '../src/dlq/index.ts';

const REPLY = {} as Reply;
const answered = { channel: 'replies', expect: async () => REPLY, forget() {} };

test('a page is added in parts, each when there is room for it', async () => {
  const steps: string[] = [];
  const replay = createReplay({
    timezone: 'UTC',
    addJobs: async (jobs: ResolveJob[]) => void steps.push(`add ${jobs.length}`),
    replies: answered,
    waitForRoom: async (jobs) => void steps.push(`room for ${jobs}`),
  });
  const page = Array.from({ length: 25 }, () => entry());
  expect(await replay([page])).toEqual({ matched: 25, replayed: 25 });
  expect(steps).toEqual([
    ...['room for 10', 'add 10', 'room for 10', 'add 10'],
    ...['room for 5', 'add 5'],
  ]);
});

test('after a part, senders get twice the time that it took', async () => {
  const added: number[] = [];
  const replay = createReplay({
    timezone: 'UTC',
    addJobs: async () => void added.push(performance.now()),
    replies: { ...answered, expect: () => delay(100, REPLY) },
    waitForRoom: async () => undefined,
  });
  await replay([Array.from({ length: 20 }, () => entry())]);
  const [first = 0, second = 0] = added;
  expect(second - first).toBeGreaterThanOrEqual(3 * 95);
});

test('an outcome that does not come is waited for once', async () => {
  let asked = 0;
  const replay = createReplay({
    timezone: 'UTC',
    addJobs: async () => undefined,
    replies: {
      ...answered,
      expect: async () => {
        asked += 1;
        return undefined;
      },
    },
    waitForRoom: async () => undefined,
  });
  expect(await replay([Array.from({ length: 30 }, () => entry())])).toMatchObject({ replayed: 30 });
  expect(asked).toBe(10);
});

test('a job names the tenant of the entry that it replays, if it has one', async () => {
  const added: ResolveJob[] = [];
  const replay = createReplay({
    timezone: 'UTC',
    addJobs: async (jobs: ResolveJob[]) => void added.push(...jobs),
    replies: answered,
    waitForRoom: async () => undefined,
  });
  const tenantId = '0197f3a0-0000-7000-8000-000000000001';
  const entries = [entry({ tenantId }), entry({ tenantId: null })];
  await replay([entries]);
  expect(added.map(({ replayOf, replayFor }) => ({ replayOf, replayFor }))).toEqual([
    { replayOf: entries[0]?.id, replayFor: tenantId },
    { replayOf: entries[1]?.id, replayFor: undefined },
  ]);
});
