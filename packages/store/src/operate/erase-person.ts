import { goneAndNoted } from '../parked/remove-parked.ts';
import type { Pool, PoolClient } from '../pool.ts';
import { asAppError, isLostRace } from '../sql-error.ts';
import { type Queryable, statement } from '../statement.ts';
import { inTransaction, withClient } from '../transaction.ts';
import { findPerson, type Person, type PersonRows } from './erase-find.ts';
import { eraseSetAside, type SetAside } from './erase-set-aside.ts';

const BATCH = 1_000;
const MAX_STARTS = 10;

const THEIR_ENTRIES = `select k.id from parked k
  join erased e on e.id = k.id and e.tenant_id = k.tenant_id`;

const removeMessages = statement<{ id: string }>(
  'erase_messages',
  `with erased as (
     delete from messages where (tenant_id, id) in (
       select m.tenant_id, m.id
         from dialogs d join messages m on m.tenant_id = d.tenant_id and m.dialog_id = d.id
        where d.tenant_id = $1 and d.client_id = $2 limit $3)
     returning tenant_id, id
   ), ${goneAndNoted(THEIR_ENTRIES, 'erased')}
   select id from erased`,
);

// Client before dialogs, and these in key order, as the resolver takes them. A batch that meets these locks
// waits, finds the dialog gone, and starts again: it then finds nobody, and makes a new client.
const lockClient = statement(
  'erase_lock_client',
  'select from clients where tenant_id = $1 and id = $2 for update',
);
const lockDialogs = statement(
  'erase_lock_dialogs',
  `select from dialogs where tenant_id = $1 and client_id = $2
    order by id for update`,
);

const removeLanes = statement<{ dialog_id: string }>(
  'erase_lanes',
  `delete from lanes l using dialogs d
    where d.tenant_id = $1 and d.client_id = $2
      and l.tenant_id = d.tenant_id and l.dialog_id = d.id
   returning l.dialog_id`,
);
const removeDialogs = statement<{ id: string }>(
  'erase_dialogs',
  'delete from dialogs where tenant_id = $1 and client_id = $2 returning id',
);
const removeIdentities = statement<{ external_id: string }>(
  'erase_identities',
  'delete from client_channels where tenant_id = $1 and client_id = $2 returning external_id',
);
const removeClient = statement<{ id: string }>(
  'erase_client',
  'delete from clients where tenant_id = $1 and id = $2 returning id',
);

interface Erased {
  removed: PersonRows;
  /** Who it was, as of the last moment: a chat or a dialog may have come since the first look. */
  person: Person;
}

// Finds the few remaining rows by their keys: a scan of a big table would hold the locks for too long.
const BY_KEYS = 'set local enable_seqscan = off';

type Removed = Omit<PersonRows, 'set_aside'>;

/** Deletes the rows that identify the person, and messages that came since. Holds its locks for a moment only. */
async function eraseUnderLocks(
  client: PoolClient,
  who: Person,
  onMessages: (ids: string[]) => void,
): Promise<{ removed: Removed; person: Person }> {
  const key = [who.tenantId, who.clientId];
  await client.query(BY_KEYS);
  await lockClient(client, ...key);
  await lockDialogs(client, ...key);
  const person = await findPerson(client, who);
  const messages = await removeMessages(client, ...key, null);
  const lanes = await removeLanes(client, ...key);
  const dialogs = await removeDialogs(client, ...key);
  const identities = await removeIdentities(client, ...key);
  const clients = await removeClient(client, ...key);
  onMessages(messages.map(({ id }) => id));
  return {
    person,
    removed: {
      messages: messages.length,
      lanes: lanes.length,
      dialogs: dialogs.length,
      client_channels: identities.length,
      clients: clients.length,
      graph_removals: 0,
    },
  };
}

async function eraseMessages(db: Queryable, who: Person, onMessages: (ids: string[]) => void) {
  let removed = 0;
  for (;;) {
    const rows = await removeMessages(db, who.tenantId, who.clientId, BATCH);
    onMessages(rows.map(({ id }) => id));
    removed += rows.length;
    if (rows.length < BATCH) return removed;
  }
}

const isSame = (a: Person, b: Person): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * Deletes all rows of a client. Messages and rows that an adoption has set aside are deleted first, in batches and
 * without locks on the client. The rows that identify the person are deleted last and together, so that an interrupted
 * erasure finds the rest when it runs again.
 */
export async function erasePerson(
  pool: Pool,
  who: Person,
  onMessages: (ids: string[]) => void,
): Promise<Erased> {
  let setAside: SetAside = {};
  let earlier = 0;
  const eraseAside = async (persons: readonly Person[]) => {
    const { set_aside: removed } = await eraseSetAside(pool, persons);
    if (removed !== undefined) setAside = { set_aside: (setAside.set_aside ?? 0) + removed };
  };
  for (let start = 1; ; start += 1) {
    try {
      const known = await findPerson(pool, who);
      await eraseAside([who, known]);
      earlier += await eraseMessages(pool, who, onMessages);
      const { removed, person } = await withClient(pool, (client) =>
        inTransaction(client, () => eraseUnderLocks(client, who, onMessages)),
      );
      // A chat that came meanwhile may have rows there, too.
      if (!isSame(known, person)) await eraseAside([person]);
      return { person, removed: { ...removed, messages: removed.messages + earlier, ...setAside } };
    } catch (error) {
      if (!isLostRace(error) || start === MAX_STARTS) throw asAppError(error);
    }
  }
}
