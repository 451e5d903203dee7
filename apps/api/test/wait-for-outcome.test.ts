import { expect, test } from 'vitest';
import { type Ending, waitForOutcome } from '../src/wait-for-outcome.ts';

const ending = (parked: boolean): Ending => ({ outcome: { kind: 'unknown_tenant' }, parked });
const nothing = async () => {};
const never = new Promise<never>(() => {});

test('what is told at once is not looked up', async () => {
  let looks = 0;
  const found = await waitForOutcome({
    told: Promise.resolve(ending(true)),
    cancelled: never,
    look: async () => {
      looks += 1;
      return undefined;
    },
    beforeLastLook: nothing,
    lookAfterMs: 0,
  });
  expect([found, looks]).toEqual([ending(true), 0]);
});

test('an answer that got lost is found in the ledger while the wait goes on', async () => {
  const found = await waitForOutcome({
    told: never,
    cancelled: never,
    look: async () => ending(false),
    beforeLastLook: nothing,
    lookAfterMs: 1,
  });
  expect(found).toEqual(ending(false));
});

test('a first look that finds nothing, or hangs, does not end the wait', async () => {
  for (const look of [async () => undefined, () => never]) {
    let tell = (_ending: Ending) => {};
    const told = new Promise<Ending>((resolve) => {
      tell = resolve;
    });
    const found = waitForOutcome({
      told,
      cancelled: never,
      look: () => {
        // Told only after the look has begun, and after it may have ended.
        setTimeout(() => tell(ending(true)), 5);
        return look();
      },
      beforeLastLook: nothing,
      lookAfterMs: 1,
    });
    expect(await found).toEqual(ending(true));
  }
});

test('at the end it looks once more, after what is to be done before', async () => {
  const steps: string[] = [];
  const found = await waitForOutcome({
    told: Promise.resolve(undefined),
    cancelled: never,
    look: async () => {
      steps.push('look');
      return ending(true);
    },
    beforeLastLook: async () => void steps.push('before'),
    lookAfterMs: 60_000,
  });
  expect(found).toEqual(ending(true));
  expect(steps).toEqual(['before', 'look']);
});

test('a wait that is cancelled ends without an answer', async () => {
  const found = await waitForOutcome({
    told: never,
    cancelled: Promise.resolve(),
    look: async () => undefined,
    beforeLastLook: nothing,
    lookAfterMs: 60_000,
  });
  expect(found).toBeUndefined();
});
