import type { MirrorBatch, MirrorTurn } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';
import { HELD_FOR } from './turn.ts';

/** Rows of `table` that have not changed since they were read: whoever is changing one is not waited for. */
const free = (table: string, read: string, isSame: string) => `
  select t.* from ${read} join ${table} t on t.tenant_id = q.tenant_id and ${isSame}
   where exists (select from held)
     and t.graph_synced_at is null and t.graph_changed_at = q.changed_at
     for no key update of t skip locked`;

// One statement, so that a process which stands still in the middle of it holds no lock. While it runs
// nobody can be given a later turn.
const markAll = statement<{ is_held: boolean }>(
  'mark_mirrored',
  `with held as (
     update graph_turns set held_until = now() + ${HELD_FOR} where turn = $1 returning turn
   ), c as (${free(
     'clients',
     'unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) as q(tenant_id, id, changed_at)',
     't.id = q.id',
   )}
   ), i as (${free(
     'client_channels',
     `unnest($5::uuid[], $6::text[], $7::text[], $8::timestamptz[])
        as q(tenant_id, channel, external_id, changed_at)
      join channels ch on ch.code = q.channel`,
     't.channel_id = ch.id and t.external_id = q.external_id',
   )}
   ), d as (${free(
     'dialogs',
     'unnest($9::uuid[], $10::uuid[], $11::timestamptz[]) as q(tenant_id, id, changed_at)',
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
     delete from graph_removals where seq = any($12::bigint[]) and exists (select from held)
   )
   select exists (select from held) as is_held`,
);

/** False when the turn is somebody else's by now: then nothing is marked. */
export async function markMirrored(
  db: Queryable,
  { turn }: MirrorTurn,
  { clients, identities, dialogs, removals }: MirrorBatch,
): Promise<boolean> {
  const [row] = await markAll(
    db,
    turn,
    ...columns(
      clients,
      (client) => client.tenant_id,
      (client) => client.client_id,
      (client) => client.changed_at,
    ),
    ...columns(
      identities,
      (identity) => identity.tenant_id,
      (identity) => identity.channel,
      (identity) => identity.external_id,
      (identity) => identity.changed_at,
    ),
    ...columns(
      dialogs,
      (dialog) => dialog.tenant_id,
      (dialog) => dialog.dialog_id,
      (dialog) => dialog.changed_at,
    ),
    removals.map(({ seq }) => seq),
  );
  return row?.is_held === true;
}
