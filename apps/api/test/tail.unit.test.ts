import type { ResolveJob } from '@contour/contract';
import { expect, test } from 'vitest';
import { reportAccepted, tailSubscriber } from '../src/tail.ts';

const JOB = { message: { channel: 'telegram', fingerprint: 'f' } } as ResolveJob;

function openTail(isWatched: boolean) {
  const counts: string[] = [];
  const count = (owner: string, event: string) => void counts.push(`${owner} ${event}`);
  return { counts, observer: tailSubscriber({ isWatched: () => isWatched, count }) };
}

test('an accepted message is counted by its account, after its job was added', async () => {
  const { counts, observer } = openTail(true);
  const addJob = async () => void counts.push('added');
  await reportAccepted(addJob, observer)(JOB);
  expect(counts).toEqual(['added', 'telegram:f accepted']);
});

test('a message whose job was not added is not counted', async () => {
  const { counts, observer } = openTail(true);
  const addJob = async () => Promise.reject(new Error('Redis is away'));
  await expect(reportAccepted(addJob, observer)(JOB)).rejects.toThrow('Redis is away');
  expect(counts).toEqual([]);
});

test('nothing is counted while no tail is open', async () => {
  const { counts, observer } = openTail(false);
  await reportAccepted(async () => undefined, observer)(JOB);
  expect(counts).toEqual([]);
});
