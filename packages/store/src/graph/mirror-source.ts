import {
  MIRROR_KINDS,
  type MirrorBatch,
  type MirrorCursor,
  type MirrorKind,
  type MirrorRows,
  type MirrorSource,
} from '@contour/contract';
import type { Pool } from '../pool.ts';
import { asAppError } from '../sql-error.ts';
import { statement } from '../statement.ts';
import { markMirrored } from './mark-mirrored.ts';
import { mirrorBacklog } from './mirror-backlog.ts';
import { tableOf } from './mirror-tables.ts';
import { noteRemovals, orphans, readRemovals } from './removals.ts';
import { endTurn, takeTurn } from './turn.ts';

const tenantIds = statement<{ id: string }>('tenant_ids', 'select id from tenants order by id');

async function readKind<Kind extends MirrorKind>(
  pool: Pool,
  kind: Kind,
  after: MirrorCursor,
  limit: number,
): Promise<{ rows: MirrorRows[Kind][]; place: readonly string[] | undefined }> {
  const table = tableOf(kind);
  const found = await table.readUnmirrored(pool, after[kind], limit);
  const rows = found.map(({ place: _, ...row }) => row as unknown as MirrorRows[Kind]);
  return { rows, place: found.at(-1)?.place ?? after[kind] };
}

async function readBatch(
  pool: Pool,
  after: MirrorCursor,
  limit: number,
): Promise<{ batch: MirrorBatch; next: MirrorCursor }> {
  const clients = await readKind(pool, 'clients', after, limit);
  const identities = await readKind(pool, 'identities', after, limit);
  const dialogs = await readKind(pool, 'dialogs', after, limit);
  // Last, as they are written last: a row that was deleted after it was read goes again.
  const removals = await readRemovals(pool, after.removals?.[0] ?? '0', limit);
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

async function countRows(pool: Pool, tenants: readonly string[]): Promise<number> {
  let rows = 0;
  for (const kind of MIRROR_KINDS) rows += await tableOf(kind).count(pool, tenants);
  return rows;
}

/** Postgres, as the mirror and the comparison see it. */
export function createMirrorSource(pool: Pool): MirrorSource {
  const ask = <T>(answer: Promise<T>): Promise<T> =>
    answer.catch((error: unknown) => {
      throw asAppError(error);
    });
  return {
    takeTurn: (own, seen) => ask(takeTurn(pool, own, seen)),
    endTurn: (turn) => ask(endTurn(pool, turn)),
    readUnmirrored: (after, limit) => ask(readBatch(pool, after, limit)),
    mark: (turn, batch) => ask(markMirrored(pool, turn, batch)),
    tenants: () => ask(tenantIds(pool).then((rows) => rows.map(({ id }) => id))),
    countRows: (tenants) => ask(countRows(pool, tenants)),
    readPage: (kind, tenantId, last, limit) =>
      ask(tableOf(kind).readPage(pool, tenantId, last, limit)),
    stillMarked: (kind, rows) => ask(tableOf(kind).stillMarked(pool, rows)),
    unmark: async (kind, rows) => void (await ask(tableOf(kind).unmark(pool, rows))),
    orphans: (kind, keys) => ask(orphans(pool, kind, keys)),
    noteRemovals: (kind, keys) => ask(noteRemovals(pool, kind, keys)),
    backlog: () => ask(mirrorBacklog(pool)),
  };
}
