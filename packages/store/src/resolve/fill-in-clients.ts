import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Profile } from './chat.ts';

// A known name or phone is never overwritten, also not by whoever filled it in a moment ago.
const fillIn = statement<{ id: string; name: string | null; phone: string | null }>(
  'fill_in_clients',
  `update clients c
      set name = coalesce(c.name, f.name), phone = coalesce(c.phone, f.phone),
          updated_at = now()
     from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as f(tenant_id, id, name, phone)
    where c.tenant_id = f.tenant_id and c.id = f.id
   returning c.id, c.name, c.phone`,
);

/** What is to be written of a client. */
interface Filling {
  tenantId: string;
  client: Profile;
  name: string | null;
  phone: string | null;
}

/** What the chats know that their clients lack. A phone that belongs to somebody is nobody else's. */
export function fillings(chats: readonly Chat[], owners: ReadonlyMap<Chat, Profile>): Filling[] {
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

/** Fills in a name or a phone that was missing until now. */
export async function fillInClients(db: Queryable, missing: readonly Filling[]): Promise<void> {
  if (missing.length === 0) return;
  const rows = await fillIn(
    db,
    ...columns(
      missing,
      (f) => f.tenantId,
      (f) => f.client.id,
      (f) => f.name,
      (f) => f.phone,
    ),
  );
  const stored = new Map(rows.map((row) => [row.id, row]));
  for (const { client } of missing) {
    const row = stored.get(client.id);
    if (row) Object.assign(client, { name: row.name, phone: row.phone });
  }
}
