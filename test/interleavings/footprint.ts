/**
 * What a statement has to do with other transactions, as sets of tables (bits). Under READ COMMITTED,
 * the only level in use here, nobody sees or waits for anything else.
 */
export interface Footprint {
  /** What it reads: only what is committed when it begins. */
  sees: number;
  /** What it locks or writes, foreign keys included: what others write there, it has to wait for. */
  holds: number;
  /** What others see, or need not wait for any more, once it has ended. */
  frees: number;
}

/** What the participants write. Whatever else they read stays as it is. */
const TABLES = ['clients', 'client_channels', 'dialogs', 'messages', 'lanes'];
const PARENTS = /insert into dialogs\b/i;
const WRITES = /\b(insert into|update|delete from|for (no key )?update|for (key )?share)\b/i;
const EVERYTHING = 2 ** (TABLES.length + 1) - 1;
const CORE = 2 ** TABLES.length;

/** A request to Core: two of them have an order, and that is all they share. */
export const AT_CORE: Footprint = { sees: 0, holds: CORE, frees: CORE };

/** Tables rather than rows: too much rather than too little. */
function tablesIn(text: string): number {
  let tables = 0;
  for (const [bit, table] of TABLES.entries()) {
    if (new RegExp(`\\b${table}\\b`).test(text)) tables |= 2 ** bit;
  }
  return PARENTS.test(text) ? tables | 1 : tables;
}

/** Follows one connection, and says of each statement what it touches. */
interface Footprints {
  sent(text: string): Footprint;
  /** The statement failed, which ends its transaction there and then: what it lets go of. */
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
 * Whether it matters which of two statements of different transactions comes first. Not where both
 * only read; not where one reads what the other has written but not committed; and not where they
 * have no table in common. Swapping such neighbours leads to the same state, and to the same answers.
 */
export function dependent(a: Footprint, b: Footprint): boolean {
  return (
    (a.holds & b.holds) !== 0 ||
    (a.frees & (b.sees | b.holds)) !== 0 ||
    (b.frees & (a.sees | a.holds)) !== 0
  );
}
