import { expect, test } from 'vitest';
import type { Violation } from '../../support/checker/violation.ts';
import { type Dice, diceOf } from '../../support/dice.ts';
import { isWholeMatrix, seedOfRun } from '../../support/seed.ts';

/** What a row of the matrix says of itself before it has run. */
export interface Fault {
  /** How it is brought about. */
  injected: string;
  /** What goes on meanwhile. */
  load: string;
  /** Runs with `npm test` too; the others only with `npm run faults`. */
  quick?: boolean;
  /** Longer it may not take until work goes on. */
  withinSeconds: number;
}

export interface Outcome {
  /** From the end of the harm, or from the harm itself where it has no end, until work went on. */
  recoverySeconds: number;
  /** What the checker found. */
  violations: readonly Violation[];
}

/** What the table shows of a row that ran. */
export interface FaultRecord extends Fault {
  seed: number;
  outcome?: Outcome;
}

declare module 'vitest' {
  interface TaskMeta {
    fault?: FaultRecord;
  }
}

const ROW_MS = 300_000;

/** A row of the matrix: a fault, under load, after which every promise must hold. */
export function row(name: string, fault: Fault, run: (dice: Dice) => Promise<Outcome>): void {
  if (!isWholeMatrix() && !fault.quick) return;
  const seed = seedOfRun();
  test(name, { timeout: ROW_MS }, async ({ task }) => {
    const record: FaultRecord = { ...fault, seed };
    task.meta.fault = record;
    const outcome = await run(diceOf(seed, name));
    record.outcome = outcome;
    expect(outcome.violations).toEqual([]);
    expect(outcome.recoverySeconds).toBeLessThanOrEqual(fault.withinSeconds);
  });
}
