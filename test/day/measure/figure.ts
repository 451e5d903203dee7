/** A value that is measured at the end of every hour. */
export interface Figure {
  name: string;
  value: number;
  unit: 'bytes' | 'count';
  /** By how much it may grow during the day. Without it the value is only shown. */
  mayGrow?: number;
  /** The part that belongs to kept rows and notes. It does not count as growth. */
  byRight?: number;
}

export interface Judgement {
  name: string;
  first: string;
  last: string;
  /** The growth without the part of kept data. */
  growth: string;
  isFlat: boolean | null;
}

const MB = 1024 * 1024;

function shown(value: number, unit: Figure['unit']): string {
  if (unit === 'count') return String(Math.round(value));
  return Math.abs(value) < MB / 10
    ? `${(value / 1024).toFixed(0)} kB`
    : `${(value / MB).toFixed(1)} MB`;
}

/** Compares the last hour with an early one. */
export function judge(first: readonly Figure[], last: readonly Figure[]): Judgement[] {
  return last.map(({ name, value, unit, mayGrow, byRight = 0 }) => {
    const before = first.find((figure) => figure.name === name);
    const grown = value - byRight - ((before?.value ?? 0) - (before?.byRight ?? 0));
    return {
      name,
      first: before === undefined ? '–' : shown(before.value, unit),
      last: shown(value, unit),
      growth: `${grown > 0 ? '+' : ''}${shown(grown, unit)}`,
      isFlat: mayGrow === undefined ? null : grown <= mayGrow,
    };
  });
}

/** The judgements as a table. */
export function judgementLines(judgements: readonly Judgement[]): string[] {
  const rows = [
    ['', 'early', 'at the end', 'more than by right', ''],
    ...judgements.map(({ name, first, last, growth, isFlat }) => [
      ...[name, first, last, growth],
      isFlat === null ? '' : isFlat ? 'flat' : 'NOT FLAT',
    ]),
  ];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
