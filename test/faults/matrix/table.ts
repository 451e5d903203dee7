import type { FaultRecord, Outcome } from './row.ts';

/** A row as it went: without an outcome it failed before it could be judged. */
export interface Judged {
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

/** In the order of their areas, and within one in the order in which they ran. */
export const sorted = (rows: readonly Judged[]) =>
  [...rows].sort((a, b) => (a.area < b.area ? -1 : a.area > b.area ? 1 : 0));

/** The same, each with what was done and what went on meanwhile. */
export function fullLines(rows: readonly Judged[]): string[] {
  return rows.flatMap((row) => {
    const { injected, load, outcome } = row.record;
    const neighbours = told(outcome?.neighbours);
    const more = neighbours === '' ? '' : `; ${neighbours}`;
    return [...lines([row]), `    ${injected}; meanwhile ${load}${more}`];
  });
}

/** What is said of a row as soon as it is known. */
export function lines(rows: readonly Judged[]): string[] {
  const shown = rows.map(cells);
  const width = Math.max(...shown.map(([, name]) => name.length));
  return shown.map(
    ([mark, name, recovery, checker]) =>
      `${mark} ${name.padEnd(width)}  ${recovery.padStart(7)}  ${checker}`,
  );
}
