import { LostRace } from '../lost-race.ts';
import type { Queryable } from '../statement.ts';
import type { Chat, Profile } from './chat.ts';
import { createClients } from './create-clients.ts';
import { fillInClients } from './fill-in-clients.ts';
import { findClientsByIdentity, findPhoneOwners } from './find-clients.ts';

/** A profile that several chats of the batch found is one object, so that all see what is filled in. */
function shareProfiles(found: Map<Chat, Profile>, known: Map<string, Profile>): void {
  for (const [chat, profile] of found) {
    const shared = known.get(profile.id) ?? profile;
    known.set(profile.id, shared);
    found.set(chat, shared);
  }
}

/** Who wrote it? By channel identity, else by exact phone, else a new client. */
export async function resolveClients(
  db: Queryable,
  chats: readonly Chat[],
  { linkByPhone }: { linkByPhone: boolean },
): Promise<void> {
  const profiles = new Map<string, Profile>();
  const identified = await findClientsByIdentity(db, chats);
  shareProfiles(identified, profiles);

  const needsPhone = chats.filter((chat) => (identified.get(chat)?.phone ?? null) === null);
  const owners = await findPhoneOwners(db, needsPhone);
  shareProfiles(owners, profiles);

  for (const [chat, client] of identified) Object.assign(chat, { client, matchedBy: 'identity' });
  const strangers = chats.filter((chat) => chat.client === undefined);
  const lost = await createClients(db, strangers, owners, linkByPhone);

  // Another transaction made these meanwhile: only a new statement can see its rows.
  const refound = await findClientsByIdentity(db, lost);
  shareProfiles(refound, profiles);
  for (const chat of lost) {
    const client = refound.get(chat);
    if (client === undefined) throw new LostRace('an identity came and went');
    Object.assign(chat, { client, matchedBy: 'identity' });
  }
  await fillInClients(db, chats, owners);
}
