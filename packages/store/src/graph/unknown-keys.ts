import { isUuid, type MirrorKey, type MirrorRemoval } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';
import { columnsOfKeys } from './mirror-table.ts';
import { tableOf } from './mirror-tables.ts';

const unknownTenants = statement<MirrorKey>(
  'unknown_tenants',
  `select q.* from unnest($1::uuid[], $2::text[], $3::text[]) as q(tenant_id, channel, id)
    where not exists (select from tenants t where t.id = q.tenant_id)`,
);

/** As the database writes it: another spelling of the same id is another node of the graph. */
const isOwnId = (text: string) => isUuid(text) && text === text.toLowerCase();

/** Those of the keys, whatever they look like, that belong to no row. */
export async function unknownKeys(
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
      ? await unknownTenants(db, ...columnsOfKeys(possible))
      : await tableOf(kind).unknown(db, possible);
  return [...impossible, ...missing];
}
