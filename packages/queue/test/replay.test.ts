import type { ResolveJob } from '@contour/contract';
import { expect, test } from 'vitest';
import { createReplay } from '../src/index.ts';
import { entry } from './samples.ts';

test('a page goes in a part at a time, each when there is room for it', async () => {
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
