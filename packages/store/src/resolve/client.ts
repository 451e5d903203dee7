import { LostRace } from '../lost-race.ts';
import type { Queryable } from '../statement.ts';
import type { Chat, Profile } from './chat.ts';
import { createClients, type FullClient } from './create-clients.ts';
import { fillInClients, fillings } from './fill-in-clients.ts';
import { findClientsByIdentity, findPhoneOwners } from './find-clients.ts';

/** A profile that several chats of the batch found is one object, so that all see what is filled in. */
function shareProfiles(found: Map<Chat, Profile>, known: Map<string, Profile>): void {
  for (const [chat, profile] of found) {
    const shared = known.get(profile.id) ?? profile;
    known.set(profile.id, shared);
    found.set(chat, shared);
  }
}

/** Who wrote it, as far as anybody is known yet. */
export interface Recognised {
  chats: readonly Chat[];
  profiles: Map<string, Profile>;
  /** Whose the phone is that a chat gave. */
  owners: Map<Chat, Profile>;
}

/** By channel identity, and whose phone it is where the client has none. Writes nothing. */
export async function recogniseClients(db: Queryable, chats: readonly Chat[]): Promise<Recognised> {
  const profiles = new Map<string, Profile>();
  const identified = await findClientsByIdentity(db, chats);
  shareProfiles(identified, profiles);

  const needsPhone = chats.filter((chat) => (identified.get(chat)?.phone ?? null) === null);
  const owners = await findPhoneOwners(db, needsPhone);
  shareProfiles(owners, profiles);

  for (const [chat, client] of identified) Object.assign(chat, { client, matchedBy: 'identity' });
  return { chats, profiles, owners };
}

/** Whether all that the chats say of their clients is written down already. */
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

  // Another transaction made these meanwhile: only a new statement can see its rows.
  const refound = await findClientsByIdentity(db, lost);
  shareProfiles(refound, profiles);
  for (const chat of lost) {
    const client = refound.get(chat);
    if (client === undefined) throw new LostRace('an identity came and went');
    Object.assign(chat, { client, matchedBy: 'identity' });
  }
  await fillInClients(db, fillings(chats, owners));
  return full;
}
