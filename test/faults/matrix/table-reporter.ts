import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase } from 'vitest/node';
import { fullLines, type Judged, lines, sorted } from './table.ts';

/** Says how each row went as soon as it is known, shows all of them at the end, and keeps them. */
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
