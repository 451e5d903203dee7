import { type Channel, channelOfId } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';
import { countSetAside, type SetAside } from './erase-set-aside.ts';

/** What a client is known by, in one tenant. */
export interface Person {
  tenantId: string;
  clientId: string;
  /** False where Postgres has no such client, or has it no longer. */
  isKnown: boolean;
  phone: string | null;
  identities: Array<{ channel: Channel; externalId: string }>;
  dialogIds: string[];
}

interface PersonRow {
  is_known: boolean;
  phone: string | null;
  identities: Array<{ channel_id: number; external_id: string }> | null;
  dialog_ids: string[] | null;
}

const findOne = statement<PersonRow>(
  'find_person',
  `select c.id is not null as is_known, c.phone,
          (select json_agg(json_build_object('channel_id', channel_id, 'external_id', external_id))
             from client_channels where tenant_id = $1 and client_id = $2) as identities,
          (select json_agg(id) from dialogs where tenant_id = $1 and client_id = $2) as dialog_ids
     from (values (1)) one(n) left join clients c on c.tenant_id = $1 and c.id = $2`,
);

export async function findPerson(
  db: Queryable,
  { tenantId, clientId }: Pick<Person, 'tenantId' | 'clientId'>,
): Promise<Person> {
  const [row] = await findOne(db, tenantId, clientId);
  return {
    tenantId,
    clientId,
    isKnown: row?.is_known === true,
    phone: row?.phone ?? null,
    identities: (row?.identities ?? []).map(({ channel_id, external_id }) => ({
      channel: channelOfId(channel_id),
      externalId: external_id,
    })),
    dialogIds: row?.dialog_ids ?? [],
  };
}

/** Rows, by table. */
export interface PersonRows extends SetAside {
  messages: number;
  lanes: number;
  dialogs: number;
  client_channels: number;
  clients: number;
  /** Notes of what has to leave the graph: they name what was deleted. */
  graph_removals: number;
}

/** The values of $1 to $6 in these statements. */
const valuesOf = ({ tenantId, clientId, dialogIds, identities, phone }: Person): unknown[] => [
  ...[tenantId, clientId, dialogIds],
  ...columns(
    identities,
    (identity) => identity.channel,
    (identity) => identity.externalId,
  ),
  phone,
];

const THEIR_NOTES = `r.tenant_id = $1::uuid::text and (
  (r.kind = 'clients' and r.id = $2::uuid::text)
  or (r.kind = 'dialogs' and r.id = any($3::uuid[]::text[]))
  or (r.kind = 'identities' and (r.channel, r.id) in (select * from unnest($4::text[], $5::text[]))))`;

// Also by chats and phone: whoever has one of these is the same person, or a new client of theirs.
const countAll = statement<PersonRows>(
  'count_person',
  `with d as (
     select id from dialogs where tenant_id = $1 and client_id = $2
      union select unnest($3::uuid[])
   ), i as (
     select channel_id, external_id from client_channels where tenant_id = $1 and client_id = $2
      union
     select channel_id, external_id
       from unnest($4::text[], $5::text[]) as q(code, external_id) join channels ch using (code)
       join client_channels c using (external_id)
      where c.tenant_id = $1 and c.channel_id = ch.id
   )
   select (select count(*)::int from messages m join d on m.dialog_id = d.id
            where m.tenant_id = $1) as messages,
          (select count(*)::int from lanes l join d on l.dialog_id = d.id
            where l.tenant_id = $1) as lanes,
          (select count(*)::int from dialogs join d using (id) where tenant_id = $1) as dialogs,
          (select count(*)::int from i) as client_channels,
          (select count(*)::int from clients
            where tenant_id = $1 and (id = $2 or phone = $6::text)) as clients,
          (select count(*)::int from graph_removals r where ${THEIR_NOTES}) as graph_removals`,
);

/** What there is of a person, by client id, dialogs, chats and phone. */
export async function countPerson(db: Queryable, person: Person): Promise<PersonRows> {
  const [row] = await countAll(db, ...valuesOf(person));
  if (row === undefined) throw new Error('a count is one row');
  return { ...row, ...(await countSetAside(db, person)) };
}

// $6 is named so that all values can be given.
const dropNotes = statement(
  'erase_graph_notes',
  `delete from graph_removals r where ${THEIR_NOTES} and ($6::text is null or true)`,
);

/** For a database without a graph: nobody would come for the notes that the deletions have left. */
export async function dropGraphNotes(db: Queryable, person: Person): Promise<void> {
  await dropNotes(db, ...valuesOf(person));
}

const wasMirrored = statement<{ was: boolean }>(
  'was_mirrored',
  'select exists (select from graph_turns where turn > 0) as was',
);

/** Whether a graph was ever written from this database. */
export async function hasMirror(db: Queryable): Promise<boolean> {
  return (await wasMirrored(db))[0]?.was === true;
}

const findFingerprints = statement<{ channel_id: number; fingerprints: string[]; is_own: boolean }>(
  'tenant_fingerprints',
  `select channel_id, tenant_id = $1 as is_own, array_agg(fingerprint) || array_agg(previous_fingerprint)
            filter (where previous_fingerprint is not null) as fingerprints
     from channel_accounts group by 1, 2`,
);

type Fingerprints = Map<Channel, Set<string>>;

/** The fingerprints, former ones too, of a tenant's accounts and of those of all others. */
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
