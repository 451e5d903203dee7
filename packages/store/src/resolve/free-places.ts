import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Profile } from './chat.ts';
import { MAX_LINKED } from './identity-limits.ts';

// In key order, as everywhere. Every batch that links by phone takes this lock first. Other inserts of identities take a
// weaker lock and do not wait for it.
const lockClients = statement(
  'lock_phone_owners',
  `select from clients
    where (tenant_id, id) in (select * from unnest($1::uuid[], $2::uuid[]))
    order by tenant_id, id for no key update`,
);

const countIdentities = statement<{ id: string; identities: number }>(
  'count_identities',
  `select q.id, (select count(*)::int
                   from (select from client_channels
                          where tenant_id = q.tenant_id and client_id = q.id limit ${MAX_LINKED}) l) as identities
     from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)`,
);

/**
 * How many more identities each owner of a phone may get by it. A missing owner may get none. A full owner is not locked,
 * so that the many chats that give one placeholder do not wait for one another.
 */
export async function findFreePlaces(
  db: Queryable,
  chats: readonly Chat[],
  owners: ReadonlyMap<Chat, Profile>,
): Promise<Map<Profile, number>> {
  const free = new Map<Profile, number>();
  const asked = new Map<Profile, string>();
  for (const chat of chats) {
    const owner = owners.get(chat);
    if (owner !== undefined && owner.channels.length < MAX_LINKED) asked.set(owner, chat.tenantId);
  }
  if (asked.size === 0) return free;
  const keys = columns(
    [...asked],
    ([, tenantId]) => tenantId,
    ([{ id }]) => id,
  );
  await lockClients(db, ...keys);
  // Only a new statement sees the identities that the transaction before this one has linked.
  const counts = new Map(
    (await countIdentities(db, ...keys)).map((row) => [row.id, row.identities]),
  );
  for (const owner of asked.keys()) free.set(owner, MAX_LINKED - (counts.get(owner.id) ?? 0));
  return free;
}
