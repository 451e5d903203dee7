import fc from 'fast-check';
import { isWholeMatrix, seedOfRun } from '../support/seed.ts';

/** `npm run faults` tries this many times as much, from its seed. */
const WHOLE = 20;

// An unfinished property fails after this time, before the test's own time is over.
const TRYING_MS = { tests: 60_000, whole: 200_000 };

/** Tries a property on many values, the same for the same seed, and shows the smallest that breaks it. */
export async function holds<T>(
  values: fc.Arbitrary<T>,
  numRuns: number,
  property: (value: T) => Promise<void>,
): Promise<void> {
  const isWhole = isWholeMatrix();
  await fc.assert(fc.asyncProperty(values, property), {
    seed: seedOfRun(),
    numRuns: isWhole ? numRuns * WHOLE : numRuns,
    interruptAfterTimeLimit: isWhole ? TRYING_MS.whole : TRYING_MS.tests,
    markInterruptAsFailure: true,
  });
}
