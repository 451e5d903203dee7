import { CHANNELS, type ClientId, type MatchedBy, type TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { statement } from '../database/statement.ts';
import type { Fresh } from './first-look.ts';

/** A client, as far as it is known or about to be stored. */
export interface Profile {
  id: ClientId;
  name: string | null;
  phone: string | null;
  channels: Array<{ channel_id: number; external_id: string }>;
}

/** The messages of a batch from one channel identity, and what they say about the client. */
export interface Chat {
  tenantId: TenantId;
  channelId: number;
  externalId: string;
  username: string | null;
  name: string | null;
  phone: string | null;
  messages: Fresh[];
  /** Set once it is known: the client, and how the first message of the chat was matched to it. */
  client?: Profile;
  matchedBy?: MatchedBy;
}

export const chatKey = (chat: Pick<Chat, 'tenantId' | 'channelId' | 'externalId'>): string =>
  `${chat.tenantId} ${chat.channelId} ${chat.externalId}`;

/** Groups a batch by chat, in key order, so that all workers take locks in the same order. */
export function chatsOf(fresh: readonly Fresh[]): Chat[] {
  const chats = new Map<string, Chat>();
  for (const item of fresh) {
    const { message, account, phone } = item;
    const identity = {
      tenantId: account.tenantId,
      channelId: CHANNELS[message.channel].id,
      externalId: message.externalChatId,
    };
    const key = chatKey(identity);
    const chat = chats.get(key) ?? {
      ...identity,
      username: null,
      name: null,
      phone: null,
      messages: [],
    };
    chat.username ??= message.clientUsername;
    chat.name ??= message.clientName;
    chat.phone ??= phone;
    chat.messages.push(item);
    chats.set(key, chat);
  }
  return [...chats.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, chat]) => chat);
}

/**
 * A client with this many identities gets no further one by its phone: a phone that more chats give is a placeholder, or
 * belongs to another person.
 */
export const MAX_LINKED = 20;

/** How many channels of its client a payload names at most. */
const MAX_NAMED = 50;

type ProfileRow = Omit<Profile, 'channels'> & {
  n: number;
  channel_id: number | null;
  external_id: string | null;
};

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
 * The clients of these chats by identity, and the owner of the phone for each chat whose client has none. Reads at most
 * MAX_LINKED channels of an owner, which is enough to know whether it may get another one.
 */
export async function lookUpClients(
  db: Queryable,
  chats: readonly Chat[],
): Promise<{ identified: Map<Chat, Profile>; owners: Map<Chat, Profile> }> {
  const identified = await findClientsByIdentity(db, chats);
  const lacksPhone = (chat: Chat) => (identified.get(chat)?.phone ?? null) === null;
  const asking = chats.filter((chat) => chat.phone !== null && lacksPhone(chat));
  if (asking.length === 0) return { identified, owners: new Map() };
  const rows = await findByPhone(
    db,
    asking.map((chat) => chat.tenantId),
    asking.map((chat) => chat.phone),
  );
  return { identified, owners: byQuestion(asking, rows) };
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

/** Chats with the same client share one profile, so that all see what is filled in. */
export function shareProfiles(found: Map<Chat, Profile>, known: Map<string, Profile>): void {
  for (const [chat, profile] of found) {
    const shared = known.get(profile.id) ?? profile;
    known.set(profile.id, shared);
    found.set(chat, shared);
  }
}

/** The clients that are known before anything is written. */
export interface Recognised {
  chats: readonly Chat[];
  profiles: Map<string, Profile>;
  /** The client that has the phone which a chat gave. */
  owners: Map<Chat, Profile>;
}

/** Finds clients by channel identity, and the owner of the phone if a client has no phone. Writes nothing. */
export async function recogniseClients(db: Queryable, chats: readonly Chat[]): Promise<Recognised> {
  const profiles = new Map<string, Profile>();
  const { identified, owners } = await lookUpClients(db, chats);
  shareProfiles(identified, profiles);
  shareProfiles(owners, profiles);
  for (const [chat, client] of identified) Object.assign(chat, { client, matchedBy: 'identity' });
  return { chats, profiles, owners };
}

/** What a client lacks and a chat knows. */
export interface Filling {
  tenantId: TenantId;
  client: Profile;
  name: string | null;
  phone: string | null;
}

/** What the chats know that their clients lack. A phone that already has an owner is not given to another client. */
export function fillings({ chats, owners }: Recognised): Filling[] {
  const byClient = new Map<string, Filling>();
  const claimed = new Set(chats.map((chat) => `${chat.tenantId} ${chat.client?.phone}`));
  for (const chat of chats) {
    const { client, tenantId } = chat;
    if (client === undefined) continue;
    const filling = byClient.get(client.id) ?? { tenantId, client, name: null, phone: null };
    if (client.name === null) filling.name ??= chat.name;
    const phoneKey = `${tenantId} ${chat.phone}`;
    const isFree = chat.phone !== null && !owners.has(chat) && !claimed.has(phoneKey);
    if (client.phone === null && filling.phone === null && isFree) {
      filling.phone = chat.phone;
      claimed.add(phoneKey);
    }
    if (filling.name !== null || filling.phone !== null) byClient.set(client.id, filling);
  }
  return [...byClient.values()];
}

/** Whether every chat has a client, and no client lacks a name or phone that its chat knows. */
export const areAllKnown = (found: Recognised): boolean =>
  found.chats.every((chat) => chat.client !== undefined) && fillings(found).length === 0;
