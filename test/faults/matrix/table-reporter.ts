import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase } from 'vitest/node';
import type { FaultRecord, Outcome } from './row.ts';

/** A row that has run. Without an outcome it failed before the check. */
interface Judged {
  area: string;
  name: string;
  passed: boolean;
  record: FaultRecord;
}

function verdict({ passed, record: { outcome } }: Judged): string {
  if (outcome === undefined) return 'not reached';
  const { length } = outcome.violations;
  if (length > 0) return `${length} violations`;
  return passed ? 'empty' : 'empty, but see above';
}

/** How long healthy tenants' messages took, before and during the fault. */
function told(neighbours: Outcome['neighbours']): string {
  if (neighbours === undefined) return '';
  const { before, during } = neighbours;
  return `healthy p99 ${Math.round(before.p99)} → ${Math.round(during.p99)} ms`;
}

function cells(row: Judged): [mark: string, name: string, recovery: string, checker: string] {
  const { outcome } = row.record;
  const recovery = outcome === undefined ? '–' : `${outcome.recoverySeconds.toFixed(1)} s`;
  return [row.passed ? '✓' : '✗', `${row.area}: ${row.name}`, recovery, verdict(row)];
}

/** By area, and within an area in the order in which they ran. */
const sorted = (rows: readonly Judged[]) =>
  [...rows].sort((a, b) => (a.area < b.area ? -1 : a.area > b.area ? 1 : 0));

/** The lines with the fault and the load. */
function fullLines(rows: readonly Judged[]): string[] {
  return rows.flatMap((row) => {
    const { injected, load, outcome } = row.record;
    const neighbours = told(outcome?.neighbours);
    const more = neighbours === '' ? '' : `; ${neighbours}`;
    return [...lines([row]), `    ${injected}; meanwhile ${load}${more}`];
  });
}

/** One line for each row. */
function lines(rows: readonly Judged[]): string[] {
  const shown = rows.map(cells);
  const width = Math.max(...shown.map(([, name]) => name.length));
  return shown.map(
    ([mark, name, recovery, checker]) =>
      `${mark} ${name.padEnd(width)}  ${recovery.padStart(7)}  ${checker}`,
  );
}

/** Prints each row when it has ended, and all rows at the end. Writes them into a file. */
export class TableReporter implements Reporter {
  private readonly rows: Judged[] = [];
  private readonly keepIn: string | undefined;

  constructor(keepIn: string | undefined) {
    this.keepIn = keepIn;
  }

  onTestCaseResult(testCase: TestCase): void {
    const record = testCase.meta().fault;
    if (record === undefined) return;
    const area = testCase.parent.type === 'suite' ? testCase.parent.name : '';
    const passed = testCase.result().state === 'passed';
    const row = { area, name: testCase.name, passed, record };
    this.rows.push(row);
    console.log(lines([row]).join('\n'));
  }

  onTestRunEnd(): void {
    if (this.rows.length === 0) return;
    const rows = sorted(this.rows);
    console.log(`\n${fullLines(rows).join('\n')}`);
    if (this.keepIn !== undefined) writeFileSync(this.keepIn, JSON.stringify(rows));
  }
}
