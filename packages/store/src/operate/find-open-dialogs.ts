import { columns, type Queryable, statement } from '../statement.ts';

// The resolver's own look takes the rows' locks; whoever only wants to know must not.
const findOpen = statement<{ n: number }>(
  'find_open_dialogs',
  `select q.n::int as n
     from unnest($1::uuid[], $2::uuid[], $3::int[])
          with ordinality as q(tenant_id, client_id, channel_account_id, n)
     join dialogs d using (tenant_id, client_id, channel_account_id)
    where d.status_id in (1, 2)`,
);

/** Which of these clients have an open dialog over this account? Takes no lock. */
export async function findOpenDialogs<
  Wanted extends { tenantId: string; clientId: string; accountId: number },
>(db: Queryable, wanted: readonly Wanted[]): Promise<Set<Wanted>> {
  if (wanted.length === 0) return new Set();
  const rows = await findOpen(
    db,
    ...columns(
      wanted,
      (w) => w.tenantId,
      (w) => w.clientId,
      (w) => w.accountId,
    ),
  );
  return new Set(rows.flatMap(({ n }) => wanted[n - 1] ?? []));
}
