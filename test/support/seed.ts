import { inject, test } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Provided only by `npm run faults`. */
    faults?: { seed: number; minutes: number };
  }
}

const SEED_OF_TESTS = 1;

/** Whether this is `npm run faults`, which tries more than `npm test`. */
export const isWholeMatrix = (): boolean => inject('faults') !== undefined;

/** The seed of every random choice: an option of `npm run faults`, and fixed for `npm test`. */
export const seedOfRun = (): number => inject('faults')?.seed ?? SEED_OF_TESTS;

/** How long rows last that need time to show a fault. */
export const minutesOfRun = (): number => inject('faults')?.minutes ?? 1;

/** A test that takes too long for `npm test`: only `npm run faults` runs it. */
export function slowTest(name: string, run: () => Promise<void>): void {
  if (isWholeMatrix()) test(name, run);
}
