import { type Channel, type ClientId, channelOfId, type TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { unexpected } from '../database/errors.ts';
import { namedStatement, type Rows, statement } from '../database/statement.ts';

/** The data that identifies a client within one tenant. */
export interface Person {
  tenantId: TenantId;
  clientId: ClientId;
  /** False if Postgres does not have this client, or has it no longer. */
  isKnown: boolean;
  phone: string | null;
  identities: Array<{ channel: Channel; externalId: string }>;
  dialogIds: string[];
}

const findOne = statement<Omit<Person, 'tenantId' | 'clientId'>>(
  'find_person',
  `select c.id is not null as "isKnown", c.phone,
          coalesce((select json_agg(json_build_object('channel', ch.code, 'externalId', i.external_id))
                      from client_channels i join channels ch on ch.id = i.channel_id
                     where i.tenant_id = $1 and i.client_id = $2), '[]') as identities,
          coalesce((select json_agg(id) from dialogs where tenant_id = $1 and client_id = $2), '[]') as "dialogIds"
     from (values (1)) one(n) left join clients c on c.tenant_id = $1 and c.id = $2`,
);

export async function findPerson(
  db: Queryable,
  { tenantId, clientId }: Pick<Person, 'tenantId' | 'clientId'>,
): Promise<Person> {
  const [row] = await findOne(db, tenantId, clientId);
  if (row === undefined) throw unexpected('a person was not returned');
  return { tenantId, clientId, ...row };
}

/** Rows, by table. */
export interface PersonRows {
  messages: number;
  lanes: number;
  dialogs: number;
  client_channels: number;
  clients: number;
  /** Notes of nodes that have to leave the graph. They contain the keys of deleted rows. */
  graph_removals: number;
  /** What an adoption has set aside; left out if the database was not adopted. */
  set_aside?: number;
}

const IDENTITIES: Rows<Person['identities'][number]> = {
  code: ['text', ({ channel }) => channel],
  external_id: ['text', ({ externalId }) => externalId],
};

const PERSON = {
  tenant_id: 'uuid',
  client_id: 'uuid',
  dialog_ids: 'uuid[]',
  identities: IDENTITIES,
} as const;

const WITH_PHONE = { ...PERSON, phone: 'text' } as const;

const valuesOf = ({ tenantId, clientId, dialogIds, identities }: Person) => ({
  tenant_id: tenantId,
  client_id: clientId,
  dialog_ids: dialogIds,
  identities,
});

const withPhone = (person: Person) => ({ ...valuesOf(person), phone: person.phone });

const THEIR_NOTES = `r.tenant_id = :tenant_id::text and (
  (r.kind = 'clients' and r.id = :client_id::text)
  or (r.kind = 'dialogs' and r.id = any(:dialog_ids::text[]))
  or (r.kind = 'identities' and (r.channel, r.id) in (select code, external_id from :identities i)))`;

const hasTable = statement<{ has: boolean }>(
  'has_set_aside',
  `select to_regclass('contour_adoption_set_aside') is not null as has`,
);

// As text, because adopted rows were set aside as JSON. Identities without a client have no tenant, and are identified by
// the chat alone.
const SET_ASIDE = `from contour_adoption_set_aside s
  cross join (values (:client_id::text || :dialog_ids::text[])) t(ids)
  where coalesce(s.before ->> 'tenant_id', :tenant_id::text) = :tenant_id::text and (
    s.row_key = any(t.ids) or s.before ->> 'id' = any(t.ids)
    or s.before ->> 'client_id' = any(t.ids) or s.before ->> 'phone' = :phone
    or (s.before ->> 'channel_id', s.before ->> 'external_id') in (
         select ch.id::text, i.external_id from :identities i join channels ch using (code)))`;

const countAside = namedStatement<{ n: number }>('count_set_aside')(
  WITH_PHONE,
  `select count(*)::int as n ${SET_ASIDE}`,
);
const removeAside = namedStatement<{ n: number }>('erase_set_aside')(
  WITH_PHONE,
  `with gone as (
     delete from contour_adoption_set_aside where id in (select s.id ${SET_ASIDE}) returning 1
   )
   select count(*)::int as n from gone`,
);

async function ofSetAside(
  db: Queryable,
  work: typeof countAside,
  person: Person,
): Promise<Pick<PersonRows, 'set_aside'>> {
  if ((await hasTable(db))[0]?.has !== true) return {};
  return { set_aside: (await work(db, withPhone(person)))[0]?.n ?? 0 };
}

export const eraseSetAside = (db: Queryable, person: Person) => ofSetAside(db, removeAside, person);

// Also counts by chats and phone: a client that has one of these is the same person, perhaps as a new client.
const countAll = namedStatement<PersonRows>('count_person')(
  WITH_PHONE,
  `with d as (
     select id from dialogs where tenant_id = :tenant_id and client_id = :client_id
      union select unnest(:dialog_ids)
   ), i as (
     select channel_id, external_id from client_channels where tenant_id = :tenant_id and client_id = :client_id
      union
     select channel_id, external_id
       from :identities q join channels ch using (code)
       join client_channels c using (external_id)
      where c.tenant_id = :tenant_id and c.channel_id = ch.id
   )
   select (select count(*)::int from messages m join d on m.dialog_id = d.id
            where m.tenant_id = :tenant_id) as messages,
          (select count(*)::int from lanes l join d on l.dialog_id = d.id
            where l.tenant_id = :tenant_id) as lanes,
          (select count(*)::int from dialogs join d using (id) where tenant_id = :tenant_id) as dialogs,
          (select count(*)::int from i) as client_channels,
          (select count(*)::int from clients
            where tenant_id = :tenant_id and (id = :client_id or phone = :phone)) as clients,
          (select count(*)::int from graph_removals r where ${THEIR_NOTES}) as graph_removals`,
);

/** The rows of a person, found by client id, dialogs, chats and phone. */
export async function countPerson(db: Queryable, person: Person): Promise<PersonRows> {
  const [row] = await countAll(db, withPhone(person));
  if (row === undefined) throw unexpected('a count returned no row');
  return { ...row, ...(await ofSetAside(db, countAside, person)) };
}

const dropNotes = namedStatement('erase_graph_notes')(
  PERSON,
  `delete from graph_removals r where ${THEIR_NOTES}`,
);

/** Deletes the notes that the deletions have left, for a database without a graph: no mirror would delete them. */
export async function dropGraphNotes(db: Queryable, person: Person): Promise<void> {
  await dropNotes(db, valuesOf(person));
}

const readTurns = statement('was_mirrored', 'select from graph_turns where turn > 0');

/** Whether a graph was ever written from this database. */
export const hasMirror = async (db: Queryable) => (await readTurns(db)).length > 0;

const findFingerprints = statement<{ channel_id: number; fingerprints: string[]; is_own: boolean }>(
  'tenant_fingerprints',
  `select channel_id, tenant_id = $1 as is_own, array_agg(fingerprint) || array_agg(previous_fingerprint)
            filter (where previous_fingerprint is not null) as fingerprints
     from channel_accounts group by 1, 2`,
);

type Fingerprints = Map<Channel, Set<string>>;

/** The current and previous fingerprints of a tenant's accounts, and those of all other tenants. */
export async function tenantFingerprints(
  db: Queryable,
  tenantId: string,
): Promise<{ own: Fingerprints; others: Fingerprints }> {
  const found = { own: new Map(), others: new Map() };
  for (const { channel_id, fingerprints, is_own } of await findFingerprints(db, tenantId)) {
    found[is_own ? 'own' : 'others'].set(channelOfId(channel_id), new Set(fingerprints));
  }
  return found;
}
