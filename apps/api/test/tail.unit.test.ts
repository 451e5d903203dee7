import type { ResolveJob } from '@contour/contract';
import { expect, test } from 'vitest';
import { createAddJob } from '../src/intake.ts';

const JOB = { message: { channel: 'telegram', fingerprint: 'f' } } as ResolveJob;

function openTail(isWatched: boolean) {
  const counts: string[] = [];
  const count = (owner: string, event: string) => void counts.push(`${owner} ${event}`);
  return { counts, tail: { isWatched: () => isWatched, count } };
}

test('an accepted message is counted by its account, after its job was added', async () => {
  const { counts, tail } = openTail(true);
  await createAddJob(async () => void counts.push('added'), tail)(JOB);
  expect(counts).toEqual(['added', 'telegram:f accepted']);
});

test('a message whose job was not added is not counted', async () => {
  const { counts, tail } = openTail(true);
  const addJob = createAddJob(() => Promise.reject(new Error('Redis is away')), tail);
  await expect(addJob(JOB)).rejects.toThrow('Redis is away');
  expect(counts).toEqual([]);
});

test('nothing is counted while no tail is open', async () => {
  const { counts, tail } = openTail(false);
  await createAddJob(async () => undefined, tail)(JOB);
  expect(counts).toEqual([]);
});
