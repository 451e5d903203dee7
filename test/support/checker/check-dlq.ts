import type { LedgerRow } from './ledger-row.ts';
import type { Violation } from './violation.ts';

export interface DlqItem {
  id: string;
  reason: string;
  error?: { message: string };
  message?: unknown;
}

/** Every dead message has an entry, unless it was cleared. An entry about Core belongs to a dead message. */
export function checkDlq(
  ledger: ReadonlyMap<string, LedgerRow>,
  dlq: readonly DlqItem[],
): Violation[] {
  const entries = new Set(dlq.map(({ id }) => id));
  const orphans = [...ledger.values()]
    .filter(({ status, id, wasCleared }) => status === 'dead' && !wasCleared && !entries.has(id))
    .map(({ id }): Violation => ({ kind: 'dead_without_entry', detail: `message ${id}` }));
  const strangers = dlq
    .filter(({ id, reason }) => reason.startsWith('core_') && ledger.get(id)?.status !== 'dead')
    .map(
      ({ id, reason }): Violation => ({ kind: 'entry_without_dead', detail: `${reason} ${id}` }),
    );
  return [...orphans, ...strangers];
}
