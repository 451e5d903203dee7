import type { TailBeat, TailEvent, TailOwner } from '@contour/queue';

/** What happened to one tenant's messages in a second. */
export interface TailRow {
  accepted: number;
  /** For the first time. */
  resolved: number;
  /** Known already: a repeat. */
  replayed: number;
  delivered: number;
  /** Attempts that failed, whatever came of the message. */
  failing: number;
  dead: number;
  /** By reason. */
  parked: Record<string, number>;
}

export const emptyRow = (): TailRow => ({
  ...{ accepted: 0, resolved: 0, replayed: 0, delivered: 0, failing: 0, dead: 0 },
  parked: {},
});

function addEvent(row: TailRow, event: TailEvent, count: number): void {
  if (event.startsWith('parked:')) {
    const reason = event.slice('parked:'.length);
    row.parked[reason] = (row.parked[reason] ?? 0) + count;
  } else if (event in row) {
    row[event as Exclude<keyof TailRow, 'parked'>] += count;
  }
}

/** Adds up what the processes told, by owner; `ownerOf` may know a better one. */
export function sumBeats(
  beats: readonly TailBeat[],
  ownerOf: (owner: TailOwner) => string,
): Map<string, TailRow> {
  const rows = new Map<string, TailRow>();
  for (const [told, event, count] of beats.flatMap(({ counts }) => counts)) {
    const owner = ownerOf(told);
    const row = rows.get(owner) ?? emptyRow();
    addEvent(row, event, count);
    rows.set(owner, row);
  }
  return rows;
}

export function addRow(total: TailRow, row: TailRow): void {
  for (const [name, count] of Object.entries(row)) {
    if (typeof count === 'number') addEvent(total, name as TailEvent, count);
  }
  for (const [reason, count] of Object.entries(row.parked)) {
    addEvent(total, `parked:${reason}`, count);
  }
}
