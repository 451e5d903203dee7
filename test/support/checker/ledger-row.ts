import type { Pool } from '../outside-pool.ts';

export interface LedgerRow {
  id: string;
  tenantId: string;
  clientId: string;
  dialogId: string;
  seq: number;
  status: 'pending' | 'delivered' | 'dead';
  /** It was dead, and an operator has replayed it. */
  wasReplayed: boolean;
  /** An operator has cleared its dead-letter entry. */
  wasCleared: boolean;
  payload: string;
}

/** The ledger by message id. In a test it is small enough to keep in memory. */
export async function readLedger(pool: Pool): Promise<Map<string, LedgerRow>> {
  const { rows } = await pool.query<LedgerRow>(
    `select m.id, m.tenant_id as "tenantId", m.client_id as "clientId", m.dialog_id as "dialogId", m.seq,
            m.status, m.attempts_before > 0 as "wasReplayed", m.payload::text as payload,
            coalesce(f.leaving = 'cleared', false) as "wasCleared"
     from messages m left join parked_former f on f.id = m.id order by m.dialog_id, m.seq`,
  );
  return new Map(rows.map((row) => [row.id, row]));
}
