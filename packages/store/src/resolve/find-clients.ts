import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Profile } from './chat.ts';

interface ProfileRow {
  n: number;
  id: string;
  name: string | null;
  phone: string | null;
  channels: Profile['channels'];
}

// The payload lists every channel a client can be reached at.
const PROFILE = `q.n::int as n, c.id, c.name, c.phone,
  (select json_agg(json_build_object('channel_id', l.channel_id, 'external_id', l.external_id)
                   order by l.channel_id, l.external_id)
     from client_channels l where l.tenant_id = c.tenant_id and l.client_id = c.id) as channels`;

const findByIdentity = statement<ProfileRow>(
  'find_clients_by_identity',
  `select ${PROFILE}
     from unnest($1::uuid[], $2::smallint[], $3::text[])
          with ordinality as q(tenant_id, channel_id, external_id, n)
     join client_channels i using (tenant_id, channel_id, external_id)
     join clients c on c.tenant_id = i.tenant_id and c.id = i.client_id`,
);

const findByPhone = statement<ProfileRow>(
  'find_clients_by_phone',
  `select ${PROFILE}
     from unnest($1::uuid[], $2::text[]) with ordinality as q(tenant_id, phone, n)
     join clients c on c.tenant_id = q.tenant_id and c.phone = q.phone`,
);

// n numbers the rows asked for from 1, so an answer finds its question without a composite key.
function byQuestion(chats: readonly Chat[], rows: ProfileRow[]): Map<Chat, Profile> {
  const found = new Map<Chat, Profile>();
  for (const { n, id, name, phone, channels } of rows) {
    const chat = chats[n - 1];
    if (chat !== undefined) found.set(chat, { id, name, phone, channels: channels ?? [] });
  }
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
