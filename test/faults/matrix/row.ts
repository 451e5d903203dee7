import { expect, test } from 'vitest';
import type { Violation } from '../../support/checker/violation.ts';
import { type Dice, diceOf } from '../../support/dice.ts';
import { isWholeMatrix, seedOfRun } from '../../support/seed.ts';
import type { Latency } from './neighbours.ts';

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
  /** How long messages of healthy tenants took before and during the fault. */
  neighbours?: { before: Latency; during: Latency };
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

/** The 99th percentile of a healthy tenant's messages may grow by this factor. */
const SLOWED_AT_MOST = 3;
/** A smaller 99th percentile depends on the machine more than on the fault. */
const QUIET_P99_MS = 50;

function expectUndisturbed({ before, during }: NonNullable<Outcome['neighbours']>): void {
  expect(during.count).toBeGreaterThan(0);
  expect([...before.refusals, ...during.refusals]).toEqual([]);
  const limitMs = SLOWED_AT_MOST * Math.max(before.p99, QUIET_P99_MS);
  expect(during.p99).toBeLessThanOrEqual(limitMs);
}

/** A row of the matrix: a fault, under load, after which every promise must hold. */
export function row(
  name: string,
  fault: Fault,
  run: (dice: Dice) => Promise<Outcome>,
  { lastsMs = 0 }: { lastsMs?: number } = {},
): void {
  if (!isWholeMatrix() && !fault.quick) return;
  const seed = seedOfRun();
  test(name, { timeout: ROW_MS + lastsMs }, async ({ task }) => {
    const record: FaultRecord = { ...fault, seed };
    task.meta.fault = record;
    const outcome = await run(diceOf(seed, name));
    record.outcome = outcome;
    expect(outcome.violations).toEqual([]);
    if (outcome.neighbours) expectUndisturbed(outcome.neighbours);
    expect(outcome.recoverySeconds).toBeLessThanOrEqual(fault.withinSeconds);
  });
}
