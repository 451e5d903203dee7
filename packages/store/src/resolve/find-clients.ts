import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Profile } from './chat.ts';
import { MAX_LINKED, MAX_NAMED } from './identity-limits.ts';
import { byChannel } from './named-channels.ts';

interface ProfileRow {
  n: number;
  id: string;
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

/**
 * The owners of the phones that these chats gave. Chats without a phone are skipped. Reads at most MAX_LINKED channels of
 * an owner, which is enough to know whether it may get another one.
 */
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
