import { type ClientId, type TenantId, uuidv7 } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { lostRace } from '../database/errors.ts';
import { namedStatement, type Rows, statement } from '../database/statement.ts';
import {
  type Chat,
  chatKey,
  type Filling,
  fillings,
  findClientsByIdentity,
  MAX_LINKED,
  type Profile,
  type Recognised,
  shareProfiles,
} from './find-clients.ts';

/** A client that gets no further identity, although another chat gave its phone. */
export interface FullClient {
  tenantId: TenantId;
  clientId: ClientId;
}

// In key order, as everywhere. Every batch that links by phone takes this lock first. Other inserts of identities take a
// weaker lock and do not wait for it.
const lockClients = statement(
  'lock_phone_owners',
  `select from clients
    where (tenant_id, id) in (select * from unnest($1::uuid[], $2::uuid[]))
    order by tenant_id, id for no key update`,
);

const countIdentities = statement<{ id: string; identities: number }>(
  'count_identities',
  `select q.id, (select count(*)::int
                   from (select from client_channels
                          where tenant_id = q.tenant_id and client_id = q.id limit ${MAX_LINKED}) l) as identities
     from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)`,
);

/**
 * How many more identities each owner of a phone may get by it. A missing owner may get none. A full owner is not locked,
 * so that the many chats that give one placeholder do not wait for one another.
 */
async function findFreePlaces(
  db: Queryable,
  chats: readonly Chat[],
  owners: ReadonlyMap<Chat, Profile>,
): Promise<Map<Profile, number>> {
  const free = new Map<Profile, number>();
  const asked = new Map<Profile, string>();
  for (const chat of chats) {
    const owner = owners.get(chat);
    if (owner !== undefined && owner.channels.length < MAX_LINKED) asked.set(owner, chat.tenantId);
  }
  if (asked.size === 0) return free;
  const keys = [[...asked.values()], [...asked.keys()].map(({ id }) => id)];
  await lockClients(db, ...keys);
  // Only a new statement sees the identities that the transaction before this one has linked.
  const counts = new Map(
    (await countIdentities(db, ...keys)).map((row) => [row.id, row.identities]),
  );
  for (const owner of asked.keys()) free.set(owner, MAX_LINKED - (counts.get(owner.id) ?? 0));
  return free;
}

/** A chat without a client, and the client it is about to get: a new one, or the phone's owner. */
interface Plan {
  chat: Chat;
  client: Profile;
  isNew: boolean;
}

const PLANS: Rows<Plan> = {
  tenant_id: ['uuid', ({ chat }) => chat.tenantId],
  channel_id: ['smallint', ({ chat }) => chat.channelId],
  external_id: ['text', ({ chat }) => chat.externalId],
  client_id: ['uuid', ({ client }) => client.id],
  username: ['text', ({ chat }) => chat.username],
  is_new: ['boolean', ({ isNew }) => isNew],
  name: ['text', ({ client }) => client.name],
  phone: ['text', ({ client }) => client.phone],
};

// A client is inserted only with an identity that was won, in the same statement: a batch that loses the race for an
// identity leaves no client behind. Several chats of a batch may share one new client (one phone). Any of them that was
// won makes it.
const insertIdentities = namedStatement<Pick<Chat, 'tenantId' | 'channelId' | 'externalId'>>(
  'insert_identities_and_clients',
)(
  { plans: PLANS },
  `with wanted as (
     select * from :plans p
   ), won as (
     insert into client_channels (tenant_id, channel_id, external_id, client_id, external_username)
     select tenant_id, channel_id, external_id, client_id, username from wanted
     on conflict do nothing
     returning tenant_id, channel_id, external_id
   ), made as (
     insert into clients (tenant_id, id, name, phone)
     select distinct on (tenant_id, client_id) tenant_id, client_id, name, phone
       from wanted join won using (tenant_id, channel_id, external_id)
      where is_new
      order by tenant_id, client_id
   )
   select tenant_id as "tenantId", channel_id as "channelId", external_id as "externalId" from won`,
);

/**
 * Chats of one batch that give the same new phone get one client, as they would one by one. If the phone's owner has no
 * place left for a chat, the chat gets a client of its own, without the phone.
 */
function plan(
  chats: readonly Chat[],
  owners: ReadonlyMap<Chat, Profile>,
  free: Map<Profile, number>,
  linkByPhone: boolean,
): { plans: Plan[]; full: FullClient[] } {
  const planned = new Map<string, Profile>();
  const full = new Map<string, FullClient>();
  const plans = chats.map((chat): Plan => {
    const phoneKey = chat.phone === null ? null : `${chat.tenantId} ${chat.phone}`;
    const owner = owners.get(chat);
    const twin = phoneKey === null ? undefined : planned.get(phoneKey);
    const holder = owner ?? twin;
    const places = holder === undefined ? 0 : (free.get(holder) ?? 0);
    if (holder !== undefined && linkByPhone && places > 0) {
      free.set(holder, places - 1);
      if (holder === twin) holder.name ??= chat.name;
      return { chat, client: holder, isNew: holder === twin };
    }
    if (holder !== undefined && linkByPhone) {
      full.set(holder.id, { tenantId: chat.tenantId, clientId: holder.id });
    }
    const phone = holder === undefined ? chat.phone : null;
    const client: Profile = { id: uuidv7(), name: chat.name, phone, channels: [] };
    if (phoneKey !== null && holder === undefined) {
      planned.set(phoneKey, client);
      free.set(client, MAX_LINKED - 1);
    }
    return { chat, client, isNew: true };
  });
  return { plans, full: [...full.values()] };
}

/**
 * Gives each chat its client: the owner of its phone, or a new one. Chats whose identity another transaction inserted
 * first are `lost`: they still have none.
 */
async function createClients(
  db: Queryable,
  chats: readonly Chat[],
  owners: ReadonlyMap<Chat, Profile>,
  linkByPhone: boolean,
): Promise<{ lost: Chat[]; full: FullClient[] }> {
  if (chats.length === 0) return { lost: [], full: [] };
  const free = linkByPhone ? await findFreePlaces(db, chats, owners) : new Map<Profile, number>();
  const { plans, full } = plan(chats, owners, free, linkByPhone);
  const rows = await insertIdentities(db, { plans });
  const won = new Set(rows.map(chatKey));
  const made = new Set<Profile>();
  for (const { chat, client, isNew } of plans) {
    if (!won.has(chatKey(chat))) continue;
    chat.client = client;
    chat.matchedBy = isNew && !made.has(client) ? 'created' : 'phone';
    made.add(client);
    client.channels.push({ channel_id: chat.channelId, external_id: chat.externalId });
  }
  return { lost: chats.filter((chat) => chat.client === undefined), full };
}

const FILLINGS: Rows<Filling> = {
  tenant_id: ['uuid', ({ tenantId }) => tenantId],
  id: ['uuid', ({ client }) => client.id],
  name: ['text', ({ name }) => name],
  phone: ['text', ({ phone }) => phone],
};

// A known name or phone is never overwritten, also not one that another transaction has just filled in.
const fillIn = namedStatement<{ id: string; name: string | null; phone: string | null }>(
  'fill_in_clients',
)(
  { missing: FILLINGS },
  `update clients c
      set name = coalesce(c.name, f.name), phone = coalesce(c.phone, f.phone),
          updated_at = now()
     from :missing f
    where c.tenant_id = f.tenant_id and c.id = f.id
   returning c.id, c.name, c.phone`,
);

async function fillInClients(db: Queryable, missing: readonly Filling[]): Promise<void> {
  if (missing.length === 0) return;
  const rows = await fillIn(db, { missing });
  const stored = new Map(rows.map((row) => [row.id, row]));
  for (const { client } of missing) {
    const row = stored.get(client.id);
    if (row) Object.assign(client, { name: row.name, phone: row.phone });
  }
}

/**
 * Gives every chat its client, found by exact phone or new, and fills in names and phones that clients lack. Resolves
 * with the clients that have too many identities to get another one by phone.
 */
export async function makeClients(
  db: Queryable,
  recognised: Recognised,
  { linkByPhone }: { linkByPhone: boolean },
): Promise<FullClient[]> {
  const { chats, profiles, owners } = recognised;
  const strangers = chats.filter((chat) => chat.client === undefined);
  const { lost, full } = await createClients(db, strangers, owners, linkByPhone);

  // Another transaction made these meanwhile. Only a new statement can see its rows.
  const refound = await findClientsByIdentity(db, lost);
  shareProfiles(refound, profiles);
  for (const chat of lost) {
    const client = refound.get(chat);
    if (client === undefined) throw lostRace('an identity came and went');
    Object.assign(chat, { client, matchedBy: 'identity' });
  }
  await fillInClients(db, fillings(recognised));
  return full;
}
