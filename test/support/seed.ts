import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** There only when the whole matrix runs. */
    faults?: { seed: number; minutes: number };
  }
}

const SEED_OF_TESTS = 1;

/** Whether this is `npm run faults`, which tries more than the tests do. */
export const isWholeMatrix = (): boolean => inject('faults') !== undefined;

/** What every choice of a fault or an order comes from: the matrix is told one, the tests always have the same. */
export const seedOfRun = (): number => inject('faults')?.seed ?? SEED_OF_TESTS;

/** How long rows last that need time to show a fault. */
export const minutesOfRun = (): number => inject('faults')?.minutes ?? 1;
