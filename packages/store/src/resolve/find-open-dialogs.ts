import { columns, type Queryable, statement } from '../statement.ts';

const findOpen = statement<{ n: number; id: string }>(
  'find_open_dialogs',
  `select q.n::int as n, d.id
     from unnest($1::uuid[], $2::uuid[], $3::int[])
          with ordinality as q(tenant_id, client_id, channel_account_id, n)
     join dialogs d using (tenant_id, client_id, channel_account_id)
    where d.status_id in (1, 2)`,
);

/** The open dialogs of these clients over these accounts, by their ids. Takes no lock. */
export async function findOpenDialogs<
  Wanted extends { tenantId: string; clientId: string; accountId: number },
>(db: Queryable, wanted: readonly Wanted[]): Promise<Map<Wanted, string>> {
  if (wanted.length === 0) return new Map();
  const rows = await findOpen(
    db,
    ...columns(
      wanted,
      (w) => w.tenantId,
      (w) => w.clientId,
      (w) => w.accountId,
    ),
  );
  const found = new Map<Wanted, string>();
  for (const { n, id } of rows) {
    const one = wanted[n - 1];
    if (one !== undefined) found.set(one, id);
  }
  return found;
}
