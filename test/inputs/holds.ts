import fc from 'fast-check';
import { inject } from 'vitest';

const SEED_OF_TESTS = 1;
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
  const matrix = inject('faults');
  await fc.assert(fc.asyncProperty(values, property), {
    seed: matrix?.seed ?? SEED_OF_TESTS,
    numRuns: matrix === undefined ? numRuns : numRuns * WHOLE,
    interruptAfterTimeLimit: matrix === undefined ? TRYING_MS.tests : TRYING_MS.whole,
    markInterruptAsFailure: true,
  });
}
