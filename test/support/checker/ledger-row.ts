import type { Pool } from '@contour/store';

export interface LedgerRow {
  id: string;
  tenantId: string;
  clientId: string;
  dialogId: string;
  seq: number;
  status: 'pending' | 'delivered' | 'dead';
  /** It was dead once, and an operator has sent it in again. */
  wasReplayed: boolean;
  payload: string;
}

/** The ledger by message id. A test's ledger is small enough to be held whole. */
export async function readLedger(pool: Pool): Promise<Map<string, LedgerRow>> {
  const { rows } = await pool.query<LedgerRow>(
    `select id, tenant_id as "tenantId", client_id as "clientId", dialog_id as "dialogId", seq,
            status, attempts_before > 0 as "wasReplayed", payload::text as payload
     from messages order by dialog_id, seq`,
  );
  return new Map(rows.map((row) => [row.id, row]));
}
