import type { Outcome, Receipt } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';

interface LedgerRow {
  id: string;
  tenant_id: string;
  client_id: string;
  dialog_id: string;
  trace_id: string;
  content_hash: string;
}

const findMessages = statement<LedgerRow>(
  'find_in_ledger',
  `select m.id, m.tenant_id, m.client_id, m.dialog_id, m.trace_id, m.content_hash
     from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)
     join messages m using (tenant_id, id)`,
);

export interface LedgerEntry {
  receipt: Receipt;
  contentHash: string;
}

/** Which of these were accepted before? By message id. */
export async function findInLedger(
  db: Queryable,
  wanted: ReadonlyArray<{ tenantId: string; messageId: string }>,
): Promise<Map<string, LedgerEntry>> {
  if (wanted.length === 0) return new Map();
  const rows = await findMessages(
    db,
    ...columns(
      wanted,
      (w) => w.tenantId,
      (w) => w.messageId,
    ),
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        contentHash: row.content_hash,
        receipt: {
          tenantId: row.tenant_id,
          clientId: row.client_id,
          dialogId: row.dialog_id,
          traceId: row.trace_id,
          messageId: row.id,
        },
      },
    ]),
  );
}

/** The same content again is answered as before; another content under the same ids is refused. */
export function outcomeOfRepeat(entry: LedgerEntry, contentHash: string): Outcome {
  if (entry.contentHash === contentHash) return { kind: 'replayed', receipt: entry.receipt };
  return { kind: 'conflict', tenantId: entry.receipt.tenantId };
}
