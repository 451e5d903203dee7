import { expect, test } from 'vitest';
import type { Violation } from '../../support/checker/violation.ts';
import { type Dice, diceOf } from '../../support/dice.ts';
import { isWholeMatrix, seedOfRun } from '../../support/seed.ts';
import type { Latency } from './neighbours.ts';

/** The description of a row. */
export interface Fault {
  /** How the fault is injected. */
  injected: string;
  /** The load meanwhile. */
  load: string;
  /** Runs with `npm test`, too. One row of each area is quick. */
  quick?: boolean;
  /** The longest allowed recovery. */
  withinSeconds: number;
}

export interface Outcome {
  /** From the end of the fault, or from a fault without an end, until the work went on. */
  recoverySeconds: number;
  /** The violations that the checker found. */
  violations: readonly Violation[];
  /** How long messages of healthy tenants took before and during the fault. */
  neighbours?: { before: Latency; during: Latency };
}

/** A row of the table. */
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

/** A row of the matrix: a fault under load, after which every promise must hold. */
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
