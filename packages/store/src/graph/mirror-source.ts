import {
  MIRROR_KINDS,
  type MirrorBacklog,
  type MirrorBatch,
  type MirrorCursor,
  type MirrorKind,
  type MirrorRows,
  type MirrorSource,
  type MirrorTurn,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { columns, namedStatement, statement } from '../database/statement.ts';
import { tableOf } from './mirror-tables.ts';
import { noteRemovals, orphans, readRemovals } from './removals.ts';

/**
 * Longer than a batch takes, and short enough to wait for if the holder died. If a turn ends too early, the graph refuses
 * the late write.
 */
const HELD_FOR = "interval '15 seconds'";

// The next turn, later than `$2`. No row while another worker holds one.
const take = statement<MirrorTurn>(
  'take_graph_turn',
  `update graph_turns
      set turn = greatest(turn, $2) + 1, held_until = now() + ${HELD_FOR}
    where held_until < now() or turn = $1
   returning mirror_id as "mirrorId", turn::float8 as turn`,
);

const end = statement('end_graph_turn', 'update graph_turns set held_until = now() where turn = $1');

const WAITING = `
  select graph_changed_at as since from clients where graph_synced_at is null
  union all select graph_changed_at from client_channels where graph_synced_at is null
  union all select graph_changed_at from dialogs where graph_synced_at is null
  union all select removed_at from graph_removals`;

const backlog = statement<MirrorBacklog>(
  'graph_backlog',
  `select count(*)::int as rows,
          coalesce(extract(epoch from now() - min(since)), 0)::float8 as "oldestSeconds"
     from (${WAITING}) w`,
);

const isAny = statement<{ any: boolean }>('graph_is_behind', `select exists (${WAITING}) as any`);

/** Whether the graph is behind at all. Cheap enough to run once a second. */
export async function isMirrorBehind(db: Queryable): Promise<boolean> {
  return (await isAny(db))[0]?.any === true;
}

const tenantIds = statement<{ id: string }>('tenant_ids', 'select id from tenants order by id');

async function readKind<Kind extends MirrorKind>(
  db: Queryable,
  kind: Kind,
  after: MirrorCursor,
  limit: number,
): Promise<{ rows: MirrorRows[Kind][]; place: readonly string[] | undefined }> {
  const table = tableOf(kind);
  const found = await table.readUnmirrored(db, after[kind], limit);
  const rows = found.map(({ place: _, ...row }) => row as unknown as MirrorRows[Kind]);
  return { rows, place: found.at(-1)?.place ?? after[kind] };
}

async function readBatch(
  db: Queryable,
  after: MirrorCursor,
  limit: number,
): Promise<{ batch: MirrorBatch; next: MirrorCursor }> {
  const clients = await readKind(db, 'clients', after, limit);
  const identities = await readKind(db, 'identities', after, limit);
  const dialogs = await readKind(db, 'dialogs', after, limit);
  // Read last because they are written last: a row that was deleted after it was read leaves the graph again.
  const removals = await readRemovals(db, after.removals?.[0] ?? '0', limit);
  const lastRemoval = removals.at(-1);
  return {
    batch: {
      clients: clients.rows,
      identities: identities.rows,
      dialogs: dialogs.rows,
      removals,
    },
    next: {
      clients: clients.place,
      identities: identities.place,
      dialogs: dialogs.place,
      removals: lastRemoval === undefined ? after.removals : [lastRemoval.seq],
    },
  };
}

async function countRows(db: Queryable, tenants: readonly string[]): Promise<number> {
  let rows = 0;
  for (const kind of MIRROR_KINDS) rows += await tableOf(kind).count(db, tenants);
  return rows;
}

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
async function markMirrored(
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

/** The access of the mirror and of its comparison to Postgres. */
export function createMirrorSource(db: Queryable): MirrorSource {
  return {
    takeTurn: async (own, seen) => (await take(db, own?.turn ?? null, seen))[0] ?? null,
    endTurn: async ({ turn }) => void (await end(db, turn)),
    readUnmirrored: (after, limit) => readBatch(db, after, limit),
    mark: (turn, batch) => markMirrored(db, turn, batch),
    tenants: async () => (await tenantIds(db)).map(({ id }) => id),
    countRows: (tenants) => countRows(db, tenants),
    readPage: (kind, tenantId, last, limit) => tableOf(kind).readPage(db, tenantId, last, limit),
    stillMarked: (kind, rows) => tableOf(kind).stillMarked(db, rows),
    unmark: async (kind, rows) => void (await tableOf(kind).unmark(db, rows)),
    orphans: (kind, keys) => orphans(db, kind, keys),
    noteRemovals: (kind, keys) => noteRemovals(db, kind, keys),
    backlog: async () => (await backlog(db))[0] ?? { rows: 0, oldestSeconds: 0 },
  };
}
