import {
  isUuid,
  MIRROR_KINDS,
  type MirrorKey,
  type MirrorRemoval,
  mirrorKeyText,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { namedStatement, statement } from '../database/statement.ts';
import { keysAs, tableOf } from './mirror-tables.ts';

const unknownTenants = namedStatement<MirrorKey>('unknown_tenants')(
  { keys: keysAs('uuid', 'text') },
  `select q.tenant_id, q.channel, q.id from :keys q
    where not exists (select from tenants t where t.id = q.tenant_id)`,
);

/** Whether Postgres writes the id like this. Another spelling of the same id is another node of the graph. */
const isOwnId = (text: string) => isUuid(text) && text === text.toLowerCase();

/** The keys that belong to no row. A key need not be a UUID. */
async function unknownKeys(
  db: Queryable,
  kind: MirrorRemoval['kind'],
  keys: readonly MirrorKey[],
): Promise<MirrorKey[]> {
  const hasId = kind === 'clients' || kind === 'dialogs';
  const isPossible = (key: MirrorKey) => isOwnId(key.tenant_id) && (!hasId || isOwnId(key.id));
  const possible = keys.filter(isPossible);
  const impossible = keys.filter((key) => !isPossible(key));
  if (possible.length === 0) return impossible;
  const missing =
    kind === 'tenants'
      ? await unknownTenants(db, { keys: possible })
      : await tableOf(kind).unknown(db, possible);
  return [...impossible, ...missing];
}

const read = statement<Omit<MirrorRemoval, 'isGone'>>(
  'read_graph_removals',
  `select seq::text as seq, kind, tenant_id, channel, id from graph_removals
    where seq > $1::bigint order by seq limit $2`,
);

const KEYS = { kind: 'text', keys: keysAs('text', 'text') } as const;

const note = namedStatement('note_graph_removals')(
  KEYS,
  `insert into graph_removals (kind, tenant_id, channel, id)
   select :kind, q.tenant_id, q.channel, q.id from :keys q`,
);

const noted = namedStatement<MirrorKey>('noted_graph_removals')(
  KEYS,
  `select q.tenant_id, q.channel, q.id from :keys q
    where exists (
      select from graph_removals r
       where r.tenant_id = q.tenant_id and r.kind = :kind and r.id = q.id and r.channel = q.channel)`,
);

/** Reads notes of deleted rows. If there is a row with this key again, its own mark decides what the graph shows. */
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
  if (keys.length > 0) await note(db, { kind, keys });
}

/** The keys of nodes that have no row and no note. */
export async function orphans(
  db: Queryable,
  kind: MirrorRemoval['kind'],
  keys: readonly MirrorKey[],
): Promise<MirrorKey[]> {
  const unknown = await unknownKeys(db, kind, keys);
  if (unknown.length === 0) return [];
  const going = new Set((await noted(db, { kind, keys: unknown })).map(mirrorKeyText));
  return unknown.filter((key) => !going.has(mirrorKeyText(key)));
}
