import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Profile } from './chat.ts';

interface ProfileRow {
  n: number;
  id: string;
  name: string | null;
  phone: string | null;
  channel_id: number | null;
  external_id: string | null;
}

// A row for every channel that a client can be reached at: the payload lists them all.
const PROFILE = 'q.n::int as n, c.id, c.name, c.phone, l.channel_id, l.external_id';
const CHANNELS_OF_CLIENT =
  'left join client_channels l on l.tenant_id = c.tenant_id and l.client_id = c.id';

const findByIdentity = statement<ProfileRow>(
  'find_clients_by_identity',
  `select ${PROFILE}
     from unnest($1::uuid[], $2::smallint[], $3::text[])
          with ordinality as q(tenant_id, channel_id, external_id, n)
     join client_channels i using (tenant_id, channel_id, external_id)
     join clients c on c.tenant_id = i.tenant_id and c.id = i.client_id
     ${CHANNELS_OF_CLIENT}`,
);

const findByPhone = statement<ProfileRow>(
  'find_clients_by_phone',
  `select ${PROFILE}
     from unnest($1::uuid[], $2::text[]) with ordinality as q(tenant_id, phone, n)
     join clients c on c.tenant_id = q.tenant_id and c.phone = q.phone
     ${CHANNELS_OF_CLIENT}`,
);

type ReachedAt = Profile['channels'][number];

const byChannel = (a: ReachedAt, b: ReachedAt) =>
  a.channel_id - b.channel_id || (a.external_id < b.external_id ? -1 : 1);

// n numbers the rows asked for from 1, so an answer finds its question without a composite key.
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
  const asked = columns(
    chats,
    (c) => c.tenantId,
    (c) => c.channelId,
    (c) => c.externalId,
  );
  return byQuestion(chats, await findByIdentity(db, ...asked));
}

/** Who owns the phone numbers that these chats gave? Chats without one are passed over. */
export async function findPhoneOwners(
  db: Queryable,
  chats: readonly Chat[],
): Promise<Map<Chat, Profile>> {
  const asking = chats.filter((chat) => chat.phone !== null);
  if (asking.length === 0) return new Map();
  const asked = columns(
    asking,
    (c) => c.tenantId,
    (c) => c.phone,
  );
  return byQuestion(asking, await findByPhone(db, ...asked));
}
