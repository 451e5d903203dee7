import type { ClientId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { statement } from '../database/statement.ts';
import type { Chat, Profile } from './chat.ts';

/**
 * A client with this many identities gets no further one by its phone: a phone that more chats give is a placeholder, or
 * belongs to another person.
 */
export const MAX_LINKED = 20;

/** How many channels of its client a payload names at most. */
const MAX_NAMED = 50;

interface ProfileRow {
  n: number;
  id: ClientId;
  name: string | null;
  phone: string | null;
  channel_id: number | null;
  external_id: string | null;
}

// One row for each channel of a client, up to a limit: a client may have thousands.
const PROFILE = 'q.n::int as n, c.id, c.name, c.phone, l.channel_id, l.external_id';
const channelsOfClient = (limit: number) =>
  `left join lateral (select channel_id, external_id from client_channels
                       where tenant_id = c.tenant_id and client_id = c.id limit ${limit}) l on true`;

const findByIdentity = statement<ProfileRow>(
  'find_clients_by_identity',
  `select ${PROFILE}
     from unnest($1::uuid[], $2::smallint[], $3::text[])
          with ordinality as q(tenant_id, channel_id, external_id, n)
     join client_channels i using (tenant_id, channel_id, external_id)
     join clients c on c.tenant_id = i.tenant_id and c.id = i.client_id
     ${channelsOfClient(MAX_NAMED)}`,
);

const findByPhone = statement<ProfileRow>(
  'find_clients_by_phone',
  `select ${PROFILE}
     from unnest($1::uuid[], $2::text[]) with ordinality as q(tenant_id, phone, n)
     join clients c on c.tenant_id = q.tenant_id and c.phone = q.phone
     ${channelsOfClient(MAX_LINKED)}`,
);

type ReachedAt = Profile['channels'][number];

const byChannel = (a: ReachedAt, b: ReachedAt): number =>
  a.channel_id - b.channel_id || (a.external_id < b.external_id ? -1 : 1);

// n is the number of the question, from 1, so an answer finds its question without a composite key.
function byQuestion(chats: readonly Chat[], rows: readonly ProfileRow[]): Map<Chat, Profile> {
  const found = new Map<Chat, Profile>();
  for (const { n, id, name, phone, channel_id, external_id } of rows) {
    const chat = chats[n - 1];
    if (chat === undefined) continue;
    const profile = found.get(chat) ?? { id, name, phone, channels: [] };
    if (channel_id !== null && external_id !== null) {
      profile.channels.push({ channel_id, external_id });
    }
    found.set(chat, profile);
  }
  for (const { channels } of found.values()) if (channels.length > 1) channels.sort(byChannel);
  return found;
}

export async function findClientsByIdentity(
  db: Queryable,
  chats: readonly Chat[],
): Promise<Map<Chat, Profile>> {
  if (chats.length === 0) return new Map();
  const rows = await findByIdentity(
    db,
    chats.map((chat) => chat.tenantId),
    chats.map((chat) => chat.channelId),
    chats.map((chat) => chat.externalId),
  );
  return byQuestion(chats, rows);
}

/**
 * The owners of the phones that these chats gave. Chats without a phone are skipped. Reads at most MAX_LINKED channels of
 * an owner, which is enough to know whether it may get another one.
 */
async function findPhoneOwners(db: Queryable, chats: readonly Chat[]): Promise<Map<Chat, Profile>> {
  const asking = chats.filter((chat) => chat.phone !== null);
  if (asking.length === 0) return new Map();
  const rows = await findByPhone(
    db,
    asking.map((chat) => chat.tenantId),
    asking.map((chat) => chat.phone),
  );
  return byQuestion(asking, rows);
}

/** The clients of these chats by identity, and the owner of the phone for each chat whose client has none. */
export async function lookUpClients(
  db: Queryable,
  chats: readonly Chat[],
): Promise<{ identified: Map<Chat, Profile>; owners: Map<Chat, Profile> }> {
  const identified = await findClientsByIdentity(db, chats);
  const lacksPhone = (chat: Chat) => (identified.get(chat)?.phone ?? null) === null;
  return { identified, owners: await findPhoneOwners(db, chats.filter(lacksPhone)) };
}

/**
 * The channels that a chat's payload names, in order: at most MAX_NAMED, its own always among them. The index decides
 * which others; the oldest usually come first.
 */
export function namedChannels({ channelId, externalId, client }: Chat): ReachedAt[] {
  const channels = client?.channels ?? [];
  const isOwn = (one: ReachedAt) => one.channel_id === channelId && one.external_id === externalId;
  if (channels.length <= MAX_NAMED && channels.some(isOwn)) return channels;
  const others = channels.filter((one) => !isOwn(one)).slice(0, MAX_NAMED - 1);
  return [...others, { channel_id: channelId, external_id: externalId }].sort(byChannel);
}
