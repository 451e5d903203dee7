import type { Queryable } from '../database/database.ts';
import { namedStatement, statement, type Values } from '../database/statement.ts';
import type { Person } from './person.ts';

const hasTable = statement<{ has: boolean }>(
  'has_set_aside',
  `select to_regclass('contour_adoption_set_aside') is not null as has`,
);

// Identities without a client have no tenant, and are identified by the chat alone.
const THEIRS = `coalesce(s.before ->> 'tenant_id', :tenant_id) = :tenant_id and (
  s.row_key = any(:ids) or s.before ->> 'id' = any(:ids)
  or s.before ->> 'client_id' = any(:ids) or s.before ->> 'phone' = :phone
  or (s.before ->> 'channel_id', s.before ->> 'external_id') in (
       select ch.id::text, q.external_id
         from unnest(:channels, :external_ids) as q(code, external_id) join channels ch using (code)))`;

// As text, because adopted rows were set aside as JSON.
const PARAMS = {
  tenant_id: 'text',
  ids: 'text[]',
  phone: 'text',
  channels: 'text[]',
  external_ids: 'text[]',
} as const;

const countTheirs = namedStatement<{ n: number }>('count_set_aside')(
  PARAMS,
  `select count(*)::int as n from contour_adoption_set_aside s where ${THEIRS}`,
);
const removeTheirs = namedStatement<{ id: string }>('erase_set_aside')(
  PARAMS,
  `delete from contour_adoption_set_aside s where ${THEIRS} returning id`,
);

const valuesOf = (person: Person): Values<typeof PARAMS> => ({
  tenant_id: person.tenantId,
  ids: [person.clientId, ...person.dialogIds],
  phone: person.phone,
  channels: person.identities.map(({ channel }) => channel),
  external_ids: person.identities.map(({ externalId }) => externalId),
});

/** How many rows an adoption has set aside; undefined if the database was not adopted. */
export interface SetAside {
  set_aside?: number;
}

export async function countSetAside(db: Queryable, person: Person): Promise<SetAside> {
  if ((await hasTable(db))[0]?.has !== true) return {};
  return { set_aside: (await countTheirs(db, valuesOf(person)))[0]?.n ?? 0 };
}

export async function eraseSetAside(db: Queryable, persons: readonly Person[]): Promise<SetAside> {
  if ((await hasTable(db))[0]?.has !== true) return {};
  let removed = 0;
  for (const one of persons) removed += (await removeTheirs(db, valuesOf(one))).length;
  return { set_aside: removed };
}
