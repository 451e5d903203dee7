/**
 * How a statement depends on other transactions, as sets of tables (bits). Under READ COMMITTED, the only
 * level in use here, it depends on nothing else.
 */
export interface Footprint {
  /** Tables that it reads, as they were committed when it began. */
  sees: number;
  /** Tables that it locks or writes, foreign keys included. It waits for others that write there. */
  holds: number;
  /** Tables that its end makes visible, or unlocks, for others. */
  frees: number;
}

/** The tables that participants write. All others stay the same. */
const TABLES = ['clients', 'client_channels', 'dialogs', 'messages', 'lanes'];
const PARENTS = /insert into dialogs\b/i;
const WRITES = /\b(insert into|update|delete from|for (no key )?update|for (key )?share)\b/i;
const EVERYTHING = 2 ** (TABLES.length + 1) - 1;
const CORE = 2 ** TABLES.length;

/** A request to Core: only its order among other requests matters. */
export const AT_CORE: Footprint = { sees: 0, holds: CORE, frees: CORE };

/** Tables, not rows: an assumed dependency is harmless, a missed one is not. */
function tablesIn(text: string): number {
  let tables = 0;
  for (const [bit, table] of TABLES.entries()) {
    if (new RegExp(`\\b${table}\\b`).test(text)) tables |= 2 ** bit;
  }
  return PARENTS.test(text) ? tables | 1 : tables;
}

/** Follows one connection and gives the footprint of each statement. */
interface Footprints {
  sent(text: string): Footprint;
  /** The statement failed, which ends its transaction: the tables that it unlocks. */
  failed(): number;
}

export function createFootprints(): Footprints {
  let inTransaction = false;
  let held = 0;
  const end = (): number => {
    const freed = held;
    held = 0;
    return freed;
  };
  return {
    sent(text) {
      if (/^(begin|commit|rollback)$/.test(text)) {
        inTransaction = text === 'begin';
        return { sees: 0, holds: 0, frees: end() };
      }
      const writes = WRITES.test(text);
      const sees = tablesIn(text) || (writes ? EVERYTHING : 0);
      const holds = writes ? sees : 0;
      held |= holds;
      return { sees, holds, frees: inTransaction ? 0 : end() };
    },
    failed: end,
  };
}

/**
 * Whether the order of two statements of different transactions matters. It does not if both only read, if
 * one reads what the other has not committed yet, or if they share no table: swapped, they lead to the
 * same state and the same answers.
 */
export function dependent(a: Footprint, b: Footprint): boolean {
  return (
    (a.holds & b.holds) !== 0 ||
    (a.frees & (b.sees | b.holds)) !== 0 ||
    (b.frees & (a.sees | a.holds)) !== 0
  );
}
