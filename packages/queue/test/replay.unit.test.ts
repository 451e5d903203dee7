import type { ResolveJob } from '@contour/contract';
import { expect, test } from 'vitest';
import { entry } from '../../../test/support/samples.ts';
import { createReplay } from '../src/index.ts';

test('a page is added in parts, each when there is room for it', async () => {
  const steps: string[] = [];
  const replay = createReplay({
    addJobs: async (jobs: ResolveJob[]) => void steps.push(`add ${jobs.length}`),
    replies: { channel: 'replies', expect: async () => undefined, forget() {} },
    waitForRoom: async (jobs) => void steps.push(`room for ${jobs}`),
  });
  const page = Array.from({ length: 125 }, () => entry());
  expect(await replay([page])).toEqual({ matched: 125, replayed: 125 });
  expect(steps).toEqual([
    ...['room for 50', 'add 50', 'room for 50', 'add 50'],
    ...['room for 25', 'add 25'],
  ]);
});

test('a job names the tenant of the entry that it replays, if it has one', async () => {
  const added: ResolveJob[] = [];
  const replay = createReplay({
    addJobs: async (jobs: ResolveJob[]) => void added.push(...jobs),
    replies: { channel: 'replies', expect: async () => undefined, forget() {} },
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
