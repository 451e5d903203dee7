import type { TailBeat, TailEvent, TailOwner } from '@contour/queue/tail';
import { paint, printable, tableOf } from '../text.ts';

/** The events of one tenant's messages in a second. */
export interface TailRow {
  accepted: number;
  /** Without duplicates. */
  resolved: number;
  /** Duplicates. */
  replayed: number;
  delivered: number;
  /** Failed attempts of delivery. */
  failing: number;
  dead: number;
  /** By reason. */
  parked: Record<string, number>;
}

export const emptyRow = (): TailRow => {
  return { accepted: 0, resolved: 0, replayed: 0, delivered: 0, failing: 0, dead: 0, parked: {} };
};

function addEvent(row: TailRow, event: TailEvent, count: number): void {
  if (event.startsWith('parked:')) {
    const reason = event.slice('parked:'.length);
    row.parked[reason] = (row.parked[reason] ?? 0) + count;
  } else if (event in row) {
    row[event as Exclude<keyof TailRow, 'parked'>] += count;
  }
}

/** Adds up the counts of all processes by the owner that `ownerOf` returns. */
export function sumBeats(
  beats: readonly TailBeat[],
  ownerOf: (owner: TailOwner) => string,
): Map<string, TailRow> {
  const rows = new Map<string, TailRow>();
  for (const [counted, event, count] of beats.flatMap(({ counts }) => counts)) {
    const owner = ownerOf(counted);
    const row = rows.get(owner) ?? emptyRow();
    addEvent(row, event, count);
    rows.set(owner, row);
  }
  return rows;
}

function addRow(total: TailRow, { parked, ...row }: TailRow): void {
  for (const [name, count] of Object.entries(row)) addEvent(total, name as TailEvent, count);
  for (const [reason, count] of Object.entries(parked)) addEvent(total, `parked:${reason}`, count);
}

/** One tenant in one second. */
export interface TailLine extends TailRow {
  tenantId: string;
  tenant: string;
}

/** Shows a second; called for seconds without lines, too. */
export type ShowSecond = (at: Date, lines: readonly TailLine[]) => void;

const reasonsOf = ({ parked }: TailRow): string =>
  Object.entries(parked)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');

const timeOf = (at: Date) => at.toTimeString().slice(0, 8);

/** A line for each tenant with events. */
export function showLines(say: (line: string) => void): ShowSecond {
  return (at, lines) => {
    for (const line of lines) {
      const { accepted, resolved, replayed, delivered, failing, dead } = line;
      const parked = reasonsOf(line);
      say(
        `${timeOf(at)}  ${printable(line.tenant)}  accepted ${accepted}  resolved ${resolved}` +
          `${replayed > 0 ? ` (and ${replayed} duplicates)` : ''}  delivered ${delivered}` +
          `  failing ${failing}  dead ${dead}${parked === '' ? '' : `  parked ${parked}`}`,
      );
    }
  };
}

export function showJson(say: (line: string) => void): ShowSecond {
  return (at, lines) => {
    for (const { tenantId, tenant, ...row } of lines) {
      say(JSON.stringify({ at, tenant_id: tenantId === '' ? null : tenantId, tenant, ...row }));
    }
  };
}

const HEADING = 'tenant accepted resolved duplicates delivered failing dead parked'.split(' ');

const cellsOf = (name: string, row: TailRow): string[] => [
  name,
  ...[row.accepted, row.resolved, row.replayed, row.delivered].map(String),
  row.failing > 0 ? paint('yellow', String(row.failing)) : '0',
  row.dead > 0 ? paint('red', String(row.dead)) : '0',
  reasonsOf(row),
];

/** The lines of the time, the heading, the sum and the prompt. */
const OTHER_ROWS = 5;

/** A table that is redrawn in place: this second of all tenants seen so far, the busiest first. */
export function showTable(out: { rows?: number; write(text: string): unknown }): ShowSecond {
  const seen = new Map<string, { name: string; total: TailRow }>();
  let drawn = 0;
  return (at, lines) => {
    for (const { tenantId, tenant, ...row } of lines) {
      const known = seen.get(tenantId) ?? { name: printable(tenant), total: emptyRow() };
      addRow(known.total, row);
      seen.set(tenantId, known);
    }
    const now = new Map(lines.map((line) => [line.tenantId, line]));
    const busiest = [...seen].sort(([, a], [, b]) => b.total.resolved - a.total.resolved);
    const shown = busiest.slice(0, Math.max(1, (out.rows ?? 24) - OTHER_ROWS));
    const sum = emptyRow();
    for (const { total } of seen.values()) addRow(sum, total);
    const table = tableOf(HEADING, [
      ...shown.map(([id, { name }]) => cellsOf(name, now.get(id) ?? emptyRow())),
      cellsOf(paint('bold', `since the start, ${seen.size} tenants`), sum),
    ]);
    const text = [`${timeOf(at)}  per second; Ctrl-C ends`, ...table];
    const up = drawn === 0 ? '' : `\u001b[${drawn}A`;
    out.write(`${up}${text.map((line) => `\r\u001b[2K${line}\n`).join('')}`);
    drawn = text.length;
  };
}
