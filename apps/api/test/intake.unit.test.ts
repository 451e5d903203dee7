import type { ResolveJob } from '@contour/contract';
import { expect, test } from 'vitest';
import { createAddJob, type Decision, waitForOutcome } from '../src/intake.ts';

const decision = (parked: boolean): Decision => ({ outcome: { kind: 'unknown_tenant' }, parked });
const nothing = async () => {};
const never = new Promise<never>(() => {});

test('a reply that comes at once is not looked up', async () => {
  let looks = 0;
  const found = await waitForOutcome({
    replied: Promise.resolve(decision(true)),
    cancelled: never,
    look: async () => {
      looks += 1;
      return undefined;
    },
    beforeLastLook: nothing,
    lookAfterMs: 0,
  });
  expect([found, looks]).toEqual([decision(true), 0]);
});

test('the outcome of a lost reply is found in the ledger during the wait', async () => {
  const found = await waitForOutcome({
    replied: never,
    cancelled: never,
    look: async () => decision(false),
    beforeLastLook: nothing,
    lookAfterMs: 1,
  });
  expect(found).toEqual(decision(false));
});

test('a first look that finds nothing, or hangs, does not end the wait', async () => {
  for (const look of [async () => undefined, () => never]) {
    let reply = (_ending: Decision) => {};
    const replied = new Promise<Decision>((resolve) => {
      reply = resolve;
    });
    const found = waitForOutcome({
      replied,
      cancelled: never,
      look: () => {
        // The reply comes after the look has begun, and after it may have ended.
        setTimeout(() => reply(decision(true)), 5);
        return look();
      },
      beforeLastLook: nothing,
      lookAfterMs: 1,
    });
    expect(await found).toEqual(decision(true));
  }
});

test('at the end it looks once more, after beforeLastLook', async () => {
  const steps: string[] = [];
  const found = await waitForOutcome({
    replied: Promise.resolve(undefined),
    cancelled: never,
    look: async () => {
      steps.push('look');
      return decision(true);
    },
    beforeLastLook: async () => void steps.push('before'),
    lookAfterMs: 60_000,
  });
  expect(found).toEqual(decision(true));
  expect(steps).toEqual(['before', 'look']);
});

test('a wait that is cancelled ends without an answer', async () => {
  const found = await waitForOutcome({
    replied: never,
    cancelled: Promise.resolve(),
    look: async () => undefined,
    beforeLastLook: nothing,
    lookAfterMs: 60_000,
  });
  expect(found).toBeUndefined();
});

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
