import { columns, type Queryable, statement } from '../statement.ts';
import type { Person } from './erase-find.ts';

const hasTable = statement<{ has: boolean }>(
  'has_set_aside',
  `select to_regclass('contour_adoption_set_aside') is not null as has`,
);

// Identities whose client was gone have no tenant: they are told by the chat alone.
const THEIRS = `coalesce(s.before ->> 'tenant_id', $1) = $1 and (
  s.row_key = any($2::text[]) or s.before ->> 'id' = any($2::text[])
  or s.before ->> 'client_id' = any($2::text[]) or s.before ->> 'phone' = $3::text
  or (s.before ->> 'channel_id', s.before ->> 'external_id') in (
       select ch.id::text, q.external_id
         from unnest($4::text[], $5::text[]) as q(code, external_id) join channels ch using (code)))`;

const countTheirs = statement<{ n: number }>(
  'count_set_aside',
  `select count(*)::int as n from contour_adoption_set_aside s where ${THEIRS}`,
);
const removeTheirs = statement<{ id: string }>(
  'erase_set_aside',
  `delete from contour_adoption_set_aside s where ${THEIRS} returning id`,
);

const valuesOf = ({ tenantId, clientId, dialogIds, phone, identities }: Person): unknown[] => [
  ...[tenantId, [clientId, ...dialogIds], phone],
  ...columns(
    identities,
    (identity) => identity.channel,
    (identity) => identity.externalId,
  ),
];

/** Rows that an adoption took out of the way; no number where the database was not adopted. */
export interface SetAside {
  set_aside?: number;
}

export async function countSetAside(db: Queryable, person: Person): Promise<SetAside> {
  if ((await hasTable(db))[0]?.has !== true) return {};
  return { set_aside: (await countTheirs(db, ...valuesOf(person)))[0]?.n ?? 0 };
}

export async function eraseSetAside(db: Queryable, persons: readonly Person[]): Promise<SetAside> {
  if ((await hasTable(db))[0]?.has !== true) return {};
  let removed = 0;
  for (const one of persons) removed += (await removeTheirs(db, ...valuesOf(one))).length;
  return { set_aside: removed };
}
