import { type Queryable, statement } from '../statement.ts';

export interface Unmirrored {
  clients: number;
  identities: number;
  dialogs: number;
}

const mine = 'graph_synced_at is null and ($1::uuid is null or tenant_id = $1)';

const count = statement<{ clients: string; identities: string; dialogs: string }>(
  'audit_unmirrored',
  `select (select count(*) from clients where ${mine}) as clients,
          (select count(*) from client_channels where ${mine}) as identities,
          (select count(*) from dialogs where ${mine}) as dialogs`,
);

/** What the graph does not show yet, of one tenant or of all. */
export async function countUnmirrored(db: Queryable, tenantId: string | null): Promise<Unmirrored> {
  const [row] = await count(db, tenantId);
  const { clients = 0, identities = 0, dialogs = 0 } = row ?? {};
  return { clients: Number(clients), identities: Number(identities), dialogs: Number(dialogs) };
}
