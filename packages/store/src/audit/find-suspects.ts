import type { MessageId, TenantId } from '@contour/contract';
import { type Database, inTransaction, type Queryable, withClient } from '../database/database.ts';
import { unexpected } from '../database/errors.ts';
import { pages, run, statement } from '../database/statement.ts';
import type { Suspect, TableCheck, TenantCounts } from './table-checks.ts';

const FETCHED = 1_000;

/** The tenant that an audit checks, and a setting of the installation that the checks need. */
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
  db: Database,
  { sql }: TableCheck,
  { tenantId, retentionDays }: Scope,
  keys: readonly string[] | null,
  onSuspects: (suspects: Suspect[]) => Promise<void>,
): Promise<void> {
  await withClient(db, async (client) => {
    // Every parameter has to occur in the text, even if the check does not read it.
    const declare = `declare suspects no scroll cursor with hold for
      select key, detail from (${sql}) s where $1::uuid is not null and $3::int is not null`;
    await inTransaction(client, (tx) => run(tx, declare, [tenantId, keys, retentionDays]));
    try {
      for (;;) {
        const fetch = `fetch ${FETCHED} from suspects`;
        const rows = await run<{ key: string; detail: string }>(client, fetch);
        if (rows.length === 0) return;
        await onSuspects(rows.map((row) => ({ tenantId, ...row })));
      }
    } finally {
      await run(client, 'close suspects').catch(() => undefined);
    }
  });
}

/** How many rows a tenant has. */
export async function countTenant(db: Queryable, tenantId: string): Promise<TenantCounts> {
  const [row] = await run<TenantCounts>(
    db,
    `select m.*, (select count(*)::float8 from clients where tenant_id = $1) as clients,
            (select count(*)::float8 from client_channels where tenant_id = $1) as identities,
            (select count(*)::float8 from dialogs where tenant_id = $1) as dialogs,
            (select count(*)::float8 from lanes where tenant_id = $1) as lanes
       from (select count(*)::float8 as messages,
                    (count(*) filter (where status = 'delivered'))::float8 as delivered,
                    (count(*) filter (where status = 'dead'))::float8 as dead,
                    (count(*) filter (where status = 'pending'))::float8 as pending
               from messages where tenant_id = $1) m`,
    [tenantId],
  );
  if (row === undefined) throw unexpected('a count returned no row');
  return row;
}

const NIL = '00000000-0000-0000-0000-000000000000';
const PAGE = 200;

const findDeadPage = statement<{ id: MessageId }>(
  'audit_dead_page',
  `select id from messages where status = 'dead' and tenant_id = $1 and id > $2
    order by id limit $3`,
);

/** The ids of a tenant's dead messages, page by page. */
export async function* deadMessages(db: Queryable, tenantId: string): AsyncGenerator<MessageId[]> {
  const read = (last = { id: NIL }) => findDeadPage(db, tenantId, last.id, PAGE);
  for await (const rows of pages(read)) yield rows.map(({ id }) => id);
}

const TABLES = [
  'channel_accounts',
  'clients',
  'client_channels',
  'dialogs',
  'messages',
  'lanes',
] as const;

// From one tenant to the next by the index that begins with it, instead of reading every row.
const strayIn = (table: (typeof TABLES)[number]) => `
  with recursive seen as (
    (select tenant_id from ${table} order by tenant_id limit 1)
    union all
    select (select n.tenant_id from ${table} n where n.tenant_id > s.tenant_id
             order by n.tenant_id limit 1)
      from seen s where s.tenant_id is not null
  )
  select '${table}' as table, tenant_id as "tenantId" from seen
   where tenant_id is not null and not exists (select from tenants where id = tenant_id)`;

/** Tenant ids that have rows but no row in tenants. An audit that goes from tenant to tenant would miss them. */
export const strayTenants = (
  db: Queryable,
): Promise<Array<{ tenantId: TenantId; table: string }>> =>
  run(db, TABLES.map((table) => `(${strayIn(table)})`).join('\n union all\n'));

export interface Unmirrored {
  clients: number;
  identities: number;
  dialogs: number;
}

const UNMIRRORED = 'graph_synced_at is null and ($1::uuid is null or tenant_id = $1)';

const countAll = statement<Unmirrored>(
  'audit_unmirrored',
  `select (select count(*)::float8 from clients where ${UNMIRRORED}) as clients,
          (select count(*)::float8 from client_channels where ${UNMIRRORED}) as identities,
          (select count(*)::float8 from dialogs where ${UNMIRRORED}) as dialogs`,
);

/** How many rows the graph does not show yet, of one tenant or of all. */
export async function countUnmirrored(db: Queryable, tenantId: string | null): Promise<Unmirrored> {
  return (await countAll(db, tenantId))[0] ?? { clients: 0, identities: 0, dialogs: 0 };
}
