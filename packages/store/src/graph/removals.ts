import { MIRROR_KINDS, type MirrorKey, type MirrorRemoval, mirrorKeyText } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';
import { columnsOfKeys } from './mirror-table.ts';
import { unknownKeys } from './unknown-keys.ts';

const read = statement<Omit<MirrorRemoval, 'isGone'>>(
  'read_graph_removals',
  `select seq::text as seq, kind, tenant_id, channel, id from graph_removals
    where seq > $1::bigint order by seq limit $2`,
);

const note = statement(
  'note_graph_removals',
  `insert into graph_removals (kind, tenant_id, channel, id)
   select $1, * from unnest($2::text[], $3::text[], $4::text[])`,
);

const noted = statement<MirrorKey>(
  'noted_graph_removals',
  `select q.* from unnest($2::text[], $3::text[], $4::text[]) as q(tenant_id, channel, id)
    where exists (
      select from graph_removals r
       where r.tenant_id = q.tenant_id and r.kind = $1 and r.id = q.id and r.channel = q.channel)`,
);

/** A row may have come back under its key since: then its own mark decides what the graph shows. */
export async function readRemovals(
  db: Queryable,
  after: string,
  limit: number,
): Promise<MirrorRemoval[]> {
  const removals = await read(db, after, limit);
  const gone = new Set<string>();
  for (const kind of ['tenants', ...MIRROR_KINDS] as const) {
    const keys = removals.filter((removal) => removal.kind === kind);
    const unknown = keys.length === 0 ? [] : await unknownKeys(db, kind, keys);
    for (const key of unknown) gone.add(kind + mirrorKeyText(key));
  }
  return removals.map((removal) => ({
    ...removal,
    isGone: gone.has(removal.kind + mirrorKeyText(removal)),
  }));
}

export async function noteRemovals(
  db: Queryable,
  kind: MirrorRemoval['kind'],
  keys: readonly MirrorKey[],
): Promise<void> {
  if (keys.length > 0) await note(db, kind, ...columnsOfKeys(keys));
}

/** Nodes that have no row, and that nobody has asked to remove. */
export async function orphans(
  db: Queryable,
  kind: MirrorRemoval['kind'],
  keys: readonly MirrorKey[],
): Promise<MirrorKey[]> {
  const unknown = await unknownKeys(db, kind, keys);
  if (unknown.length === 0) return [];
  const going = new Set((await noted(db, kind, ...columnsOfKeys(unknown))).map(mirrorKeyText));
  return unknown.filter((key) => !going.has(mirrorKeyText(key)));
}
