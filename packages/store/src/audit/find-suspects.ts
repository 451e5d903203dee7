import type { Pool } from '../pool.ts';
import { inTransaction, withClient } from '../transaction.ts';
import type { Suspect, TableCheck, TenantCounts } from './table-check.ts';

const FETCHED = 1_000;

/** Where an audit looks, and what it has to know of the installation. */
export interface Scope {
  tenantId: string;
  retentionDays: number;
}

/**
 * Rows of one tenant that seem to break a promise, a thousand at a time; with keys, only those rows. The query has one
 * snapshot, which ends with its transaction. Its result is kept on the server and read afterwards, so that no snapshot
 * is open while the caller works on it.
 */
export async function findSuspects(
  pool: Pool,
  { sql }: TableCheck,
  { tenantId, retentionDays }: Scope,
  keys: readonly string[] | null,
  onSuspects: (suspects: Suspect[]) => Promise<void>,
): Promise<void> {
  await withClient(pool, async (client) => {
    // Every parameter has to occur, whichever the check reads.
    const declare = `declare suspects no scroll cursor with hold for
      select key, detail from (${sql}) s where $1::uuid is not null and $3::int is not null`;
    await inTransaction(client, () => client.query(declare, [tenantId, keys, retentionDays]));
    try {
      for (;;) {
        const { rows } = await client.query<{ key: string; detail: string }>(
          `fetch ${FETCHED} from suspects`,
        );
        if (rows.length === 0) return;
        await onSuspects(rows.map((row) => ({ tenantId, ...row })));
      }
    } finally {
      await client.query('close suspects').catch(() => undefined);
    }
  });
}

/** How many rows a tenant has. */
export async function countTenant(pool: Pool, tenantId: string): Promise<TenantCounts> {
  const { rows } = await pool.query<Record<keyof TenantCounts, string>>(
    `select m.*, (select count(*) from clients where tenant_id = $1) as clients,
            (select count(*) from client_channels where tenant_id = $1) as identities,
            (select count(*) from dialogs where tenant_id = $1) as dialogs,
            (select count(*) from lanes where tenant_id = $1) as lanes
       from (select count(*) as messages,
                    count(*) filter (where status = 'delivered') as delivered,
                    count(*) filter (where status = 'dead') as dead,
                    count(*) filter (where status = 'pending') as pending
               from messages where tenant_id = $1) m`,
    [tenantId],
  );
  const counts = Object.entries(rows[0] ?? {}).map(([name, count]) => [name, Number(count)]);
  return Object.fromEntries(counts);
}
