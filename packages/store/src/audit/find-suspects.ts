import type { MessageId, TenantId } from '@contour/contract';
import { type Database, inTransaction, type Queryable, withClient } from '../database/database.ts';
import { run, statement } from '../database/statement.ts';
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
  const [row] = await run<Record<keyof TenantCounts, string>>(
    db,
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
  const counts = Object.entries(row ?? {}).map(([name, count]) => [name, Number(count)]);
  return Object.fromEntries(counts);
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
  let after: MessageId = NIL;
  for (;;) {
    const ids = (await findDeadPage(db, tenantId, after, PAGE)).map(({ id }) => id);
    const last = ids.at(-1);
    if (last === undefined) return;
    yield ids;
    after = last;
  }
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
  select '${table}' as found_in, tenant_id from seen
   where tenant_id is not null and not exists (select from tenants where id = tenant_id)`;

/** Tenant ids that have rows but no row in tenants. An audit that goes from tenant to tenant would miss them. */
export async function strayTenants(
  db: Queryable,
): Promise<Array<{ tenantId: TenantId; table: string }>> {
  const rows = await run<{ found_in: string; tenant_id: TenantId }>(
    db,
    TABLES.map((table) => `(${strayIn(table)})`).join('\n union all\n'),
  );
  return rows.map((row) => ({ tenantId: row.tenant_id, table: row.found_in }));
}

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
