import {
  MIRROR_KINDS,
  type MirrorBacklog,
  type MirrorBatch,
  type MirrorCursor,
  type MirrorSource,
  type MirrorTurn,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { namedStatement, statement } from '../database/statement.ts';
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

const end = statement(
  'end_graph_turn',
  'update graph_turns set held_until = now() where turn = $1',
);

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

const readAny = statement('graph_is_behind', `${WAITING} limit 1`);

/** Whether the graph is behind at all. Cheap enough to run once a second. */
export const isMirrorBehind = async (db: Queryable) => (await readAny(db)).length > 0;

const tenantIds = statement<{ id: string }>('tenant_ids', 'select id from tenants order by id');

async function readBatch(
  db: Queryable,
  after: MirrorCursor,
  limit: number,
): Promise<{ batch: MirrorBatch; next: MirrorCursor }> {
  const clients = await tableOf('clients').readUnmirrored(db, after.clients, limit);
  const identities = await tableOf('identities').readUnmirrored(db, after.identities, limit);
  const dialogs = await tableOf('dialogs').readUnmirrored(db, after.dialogs, limit);
  // Read last because they are written last: a row that was deleted after it was read leaves the graph again.
  const removals = await readRemovals(db, after.removals?.[0] ?? '0', limit);
  const lastRemoval = removals.at(-1);
  return {
    batch: { clients: clients.rows, identities: identities.rows, dialogs: dialogs.rows, removals },
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

// One statement, so that a process that is frozen in the middle of it holds no lock. While it runs, no later turn can be
// taken.
const markAll = namedStatement<{ is_held: boolean }>('mark_mirrored')(
  {
    turn: 'bigint',
    removed: 'bigint[]',
    clients: tableOf('clients').rows,
    identities: tableOf('identities').rows,
    dialogs: tableOf('dialogs').rows,
  },
  `with held as (
     update graph_turns set held_until = now() + ${HELD_FOR} where turn = :turn returning turn
   ), ${MIRROR_KINDS.map((kind) => tableOf(kind).marking)}, removals_forgotten as (
     delete from graph_removals where seq = any(:removed) and exists (select from held)
   )
   select exists (select from held) as is_held`,
);

/** Marks rows as mirrored. Returns false and marks nothing if the turn was lost. */
async function markMirrored(
  db: Queryable,
  { turn }: MirrorTurn,
  { removals, ...rows }: MirrorBatch,
): Promise<boolean> {
  const removed = removals.map(({ seq }) => seq);
  return (await markAll(db, { turn, removed, ...rows }))[0]?.is_held === true;
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
