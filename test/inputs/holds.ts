import fc from 'fast-check';
import { isWholeMatrix, seedOfRun } from '../support/seed.ts';

/** So many times as much is tried with the whole fault matrix, from its seed. */
const WHOLE = 10;

// What is not through by then is told as a failure, before the test's own time is over.
const TRYING_MS = { tests: 60_000, whole: 200_000 };

/** Tries a property on many values, the same ones for the same seed, and shows the smallest that breaks it. */
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
