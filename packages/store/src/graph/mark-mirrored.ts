import type { MirrorBatch, MirrorTurn } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { columns, namedStatement } from '../database/statement.ts';
import { HELD_FOR } from './turn.ts';

/** Rows of `table` that have not changed since they were read. Locked rows are skipped. */
const free = (table: string, read: string, isSame: string) => `
  select t.* from ${read} join ${table} t on t.tenant_id = q.tenant_id and ${isSame}
   where exists (select from held)
     and t.graph_synced_at is null and t.graph_changed_at = q.changed_at
     for no key update of t skip locked`;

// One statement, so that a process that is frozen in the middle of it holds no lock. While it runs, no later turn can be
// taken.
const markAll = namedStatement<{ is_held: boolean }>('mark_mirrored')(
  {
    turn: 'bigint',
    client_tenant_ids: 'uuid[]',
    client_ids: 'uuid[]',
    client_changed_at: 'timestamptz[]',
    identity_tenant_ids: 'uuid[]',
    identity_channels: 'text[]',
    identity_external_ids: 'text[]',
    identity_changed_at: 'timestamptz[]',
    dialog_tenant_ids: 'uuid[]',
    dialog_ids: 'uuid[]',
    dialog_changed_at: 'timestamptz[]',
    removals: 'bigint[]',
  },
  `with held as (
     update graph_turns set held_until = now() + ${HELD_FOR} where turn = :turn returning turn
   ), c as (${free(
     'clients',
     'unnest(:client_tenant_ids, :client_ids, :client_changed_at) as q(tenant_id, id, changed_at)',
     't.id = q.id',
   )}
   ), i as (${free(
     'client_channels',
     `unnest(:identity_tenant_ids, :identity_channels, :identity_external_ids, :identity_changed_at)
        as q(tenant_id, channel, external_id, changed_at)
      join channels ch on ch.code = q.channel`,
     't.channel_id = ch.id and t.external_id = q.external_id',
   )}
   ), d as (${free(
     'dialogs',
     'unnest(:dialog_tenant_ids, :dialog_ids, :dialog_changed_at) as q(tenant_id, id, changed_at)',
     't.id = q.id',
   )}
   ), clients_marked as (
     update clients t set graph_synced_at = now() from c
      where t.tenant_id = c.tenant_id and t.id = c.id
   ), identities_marked as (
     update client_channels t set graph_synced_at = now() from i
      where t.tenant_id = i.tenant_id and t.channel_id = i.channel_id
        and t.external_id = i.external_id
   ), dialogs_marked as (
     update dialogs t set graph_synced_at = now() from d
      where t.tenant_id = d.tenant_id and t.id = d.id
   ), removals_forgotten as (
     delete from graph_removals where seq = any(:removals) and exists (select from held)
   )
   select exists (select from held) as is_held`,
);

/** Marks rows as mirrored. Returns false and marks nothing if the turn was lost. */
export async function markMirrored(
  db: Queryable,
  { turn }: MirrorTurn,
  { clients, identities, dialogs, removals }: MirrorBatch,
): Promise<boolean> {
  const [row] = await markAll(db, {
    turn,
    ...columns(clients, {
      client_tenant_ids: (client) => client.tenant_id,
      client_ids: (client) => client.client_id,
      client_changed_at: (client) => client.changed_at,
    }),
    ...columns(identities, {
      identity_tenant_ids: (identity) => identity.tenant_id,
      identity_channels: (identity) => identity.channel,
      identity_external_ids: (identity) => identity.external_id,
      identity_changed_at: (identity) => identity.changed_at,
    }),
    ...columns(dialogs, {
      dialog_tenant_ids: (dialog) => dialog.tenant_id,
      dialog_ids: (dialog) => dialog.dialog_id,
      dialog_changed_at: (dialog) => dialog.changed_at,
    }),
    removals: removals.map(({ seq }) => seq),
  });
  return row?.is_held === true;
}
