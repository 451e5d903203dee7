import { uuidv7 } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';
import { type Chat, chatKey, type Profile } from './chat.ts';

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

/** Chats of one batch that give the same new phone are one person, as they would be one by one. */
function plan(chats: readonly Chat[], owners: Map<Chat, Profile>, linkByPhone: boolean): Plan[] {
  const planned = new Map<string, Profile>();
  return chats.map((chat) => {
    const owner = owners.get(chat);
    if (owner !== undefined && linkByPhone) return { chat, client: owner, isNew: false };
    const phoneKey = chat.phone === null ? null : `${chat.tenantId} ${chat.phone}`;
    const twin = phoneKey === null ? undefined : planned.get(phoneKey);
    if (twin !== undefined && linkByPhone) {
      twin.name ??= chat.name;
      return { chat, client: twin, isNew: true };
    }
    const isTaken = owner !== undefined || twin !== undefined;
    const phone = isTaken ? null : chat.phone;
    const client: Profile = { id: uuidv7(), name: chat.name, phone, channels: [] };
    if (phoneKey !== null && !isTaken) planned.set(phoneKey, client);
    return { chat, client, isNew: true };
  });
}

/** Gives each chat its client and returns the chats whose identity another transaction took first. */
export async function createClients(
  db: Queryable,
  chats: readonly Chat[],
  owners: Map<Chat, Profile>,
  linkByPhone: boolean,
): Promise<Chat[]> {
  if (chats.length === 0) return [];
  const plans = plan(chats, owners, linkByPhone);
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
  return chats.filter((chat) => chat.client === undefined);
}
