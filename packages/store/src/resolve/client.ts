import type { TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { lostRace } from '../database/errors.ts';
import { columns, namedStatement } from '../database/statement.ts';
import type { FullClient } from './arrivals.ts';
import type { Chat, Profile } from './chat.ts';
import { createClients } from './create-clients.ts';
import { findClientsByIdentity, lookUpClients } from './find-clients.ts';

// A known name or phone is never overwritten, also not one that another transaction has just filled in.
const fillIn = namedStatement<{ id: string; name: string | null; phone: string | null }>(
  'fill_in_clients',
)(
  { tenant_ids: 'uuid[]', ids: 'uuid[]', names: 'text[]', phones: 'text[]' },
  `update clients c
      set name = coalesce(c.name, f.name), phone = coalesce(c.phone, f.phone),
          updated_at = now()
     from unnest(:tenant_ids, :ids, :names, :phones) as f(tenant_id, id, name, phone)
    where c.tenant_id = f.tenant_id and c.id = f.id
   returning c.id, c.name, c.phone`,
);

/** What a client lacks and a chat knows. */
interface Filling {
  tenantId: TenantId;
  client: Profile;
  name: string | null;
  phone: string | null;
}

/** What the chats know that their clients lack. A phone that already has an owner is not given to another client. */
function fillings(chats: readonly Chat[], owners: ReadonlyMap<Chat, Profile>): Filling[] {
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

async function fillInClients(db: Queryable, missing: readonly Filling[]): Promise<void> {
  if (missing.length === 0) return;
  const rows = await fillIn(
    db,
    columns(missing, {
      tenant_ids: (one) => one.tenantId,
      ids: (one) => one.client.id,
      names: (one) => one.name,
      phones: (one) => one.phone,
    }),
  );
  const stored = new Map(rows.map((row) => [row.id, row]));
  for (const { client } of missing) {
    const row = stored.get(client.id);
    if (row) Object.assign(client, { name: row.name, phone: row.phone });
  }
}

/** Chats with the same client share one profile, so that all see what is filled in. */
function shareProfiles(found: Map<Chat, Profile>, known: Map<string, Profile>): void {
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

/** Whether every chat has a client, and no client lacks a name or phone that its chat knows. */
export const areAllKnown = ({ chats, owners }: Recognised): boolean =>
  chats.every((chat) => chat.client !== undefined) && fillings(chats, owners).length === 0;

/**
 * Gives every chat its client, found by exact phone or new, and fills in names and phones that clients lack. Resolves
 * with the clients that have too many identities to get another one by phone.
 */
export async function makeClients(
  db: Queryable,
  { chats, profiles, owners }: Recognised,
  { linkByPhone }: { linkByPhone: boolean },
): Promise<FullClient[]> {
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
  await fillInClients(db, fillings(chats, owners));
  return full;
}
