import { uuidv7 } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';
import { type Chat, chatKey, type Profile } from './chat.ts';
import { findFreePlaces } from './free-places.ts';
import { MAX_LINKED } from './identity-limits.ts';

interface WonRow {
  tenant_id: string;
  channel_id: number;
  external_id: string;
}

// A client row is inserted only for an identity that was won, in the same statement: whoever loses
// the race for an identity leaves no client behind. Several chats may share one new client (one
// phone in one batch); any of them that was won makes it.
const insertIdentities = statement<WonRow>(
  'insert_identities_and_clients',
  `with wanted as (
     select * from unnest($1::uuid[], $2::smallint[], $3::text[], $4::uuid[], $5::text[],
                          $6::boolean[], $7::text[], $8::text[])
       as w(tenant_id, channel_id, external_id, client_id, username, is_new, name, phone)
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
   select tenant_id, channel_id, external_id from won`,
);

/** A chat without a client, and the client it is about to get: a new one, or the phone's owner. */
interface Plan {
  chat: Chat;
  client: Profile;
  isNew: boolean;
}

/** A client that gets no further identity, although another chat gave its phone. */
export interface FullClient {
  tenantId: string;
  clientId: string;
}

interface Plans {
  plans: Plan[];
  full: FullClient[];
}

/**
 * Chats of one batch that give the same new phone get one client, as they would one by one. If the phone's owner has no
 * place left for a chat, the chat gets a client of its own, without the phone.
 */
function plan(
  chats: readonly Chat[],
  owners: ReadonlyMap<Chat, Profile>,
  free: Map<Profile, number>,
  linkByPhone: boolean,
): Plans {
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

/** The outcome for chats without a client. Each chat that is not `lost` has one now. */
export interface Created {
  /** Chats whose identity another transaction inserted first. */
  lost: Chat[];
  full: FullClient[];
}

/** Gives each chat its client: the owner of its phone, or a new one. */
export async function createClients(
  db: Queryable,
  chats: readonly Chat[],
  owners: ReadonlyMap<Chat, Profile>,
  linkByPhone: boolean,
): Promise<Created> {
  if (chats.length === 0) return { lost: [], full: [] };
  const free = linkByPhone ? await findFreePlaces(db, chats, owners) : new Map<Profile, number>();
  const { plans, full } = plan(chats, owners, free, linkByPhone);
  const rows = await insertIdentities(
    db,
    ...columns(
      plans,
      ({ chat }) => chat.tenantId,
      ({ chat }) => chat.channelId,
      ({ chat }) => chat.externalId,
      ({ client }) => client.id,
      ({ chat }) => chat.username,
      ({ isNew }) => isNew,
      ({ client }) => client.name,
      ({ client }) => client.phone,
    ),
  );
  const won = new Set(
    rows.map((row) =>
      chatKey({ tenantId: row.tenant_id, channelId: row.channel_id, externalId: row.external_id }),
    ),
  );
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
