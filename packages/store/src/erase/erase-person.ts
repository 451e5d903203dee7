import {
  type Database,
  type Queryable,
  type Transaction,
  withTransaction,
} from '../database/database.ts';
import { restarting } from '../database/errors.ts';
import { run, statement } from '../database/statement.ts';
import { goneAndNoted } from '../dead-letters/leave.ts';
import {
  eraseSetAside,
  findPerson,
  type Person,
  type PersonRows,
  type SetAside,
} from './person.ts';

const BATCH = 1_000;

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

// The client before its dialogs, and these in key order, as the resolver locks them. A batch that meets these locks
// waits, finds the dialog gone and starts again. It then finds no client and makes a new one.
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
  /** The person at the moment of the deletion: a chat or a dialog may have been added since the first read. */
  person: Person;
}

// Finds the few remaining rows by their keys: a scan of a big table would hold the locks for too long.
const BY_KEYS = 'set local enable_seqscan = off';

type Removed = Omit<PersonRows, 'set_aside'>;

/** Deletes the rows that identify the person, and messages that came since. Holds its locks briefly. */
async function eraseUnderLocks(
  tx: Transaction,
  who: Person,
  onMessages: (ids: string[]) => void,
): Promise<{ removed: Removed; person: Person }> {
  const key = [who.tenantId, who.clientId];
  await run(tx, BY_KEYS);
  await lockClient(tx, ...key);
  await lockDialogs(tx, ...key);
  const person = await findPerson(tx, who);
  const messages = await removeMessages(tx, ...key, null);
  const lanes = await removeLanes(tx, ...key);
  const dialogs = await removeDialogs(tx, ...key);
  const identities = await removeIdentities(tx, ...key);
  const clients = await removeClient(tx, ...key);
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
  db: Database,
  who: Person,
  onMessages: (ids: string[]) => void,
): Promise<Erased> {
  let setAside: SetAside = {};
  let earlier = 0;
  const eraseAside = async (persons: readonly Person[]) => {
    const { set_aside: removed } = await eraseSetAside(db, persons);
    if (removed !== undefined) setAside = { set_aside: (setAside.set_aside ?? 0) + removed };
  };
  return restarting(async () => {
    const known = await findPerson(db, who);
    await eraseAside([who, known]);
    earlier += await eraseMessages(db, who, onMessages);
    const { removed, person } = await withTransaction(db, (tx) =>
      eraseUnderLocks(tx, who, onMessages),
    );
    // A chat that was added meanwhile may have such rows, too.
    if (!isSame(known, person)) await eraseAside([person]);
    return { person, removed: { ...removed, messages: removed.messages + earlier, ...setAside } };
  });
}
