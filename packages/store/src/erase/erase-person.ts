import {
  type Database,
  type Queryable,
  type Transaction,
  withTransaction,
} from '../database/database.ts';
import { restarting, unexpected } from '../database/errors.ts';
import { run, statement } from '../database/statement.ts';
import { goneAndNoted } from '../dead-letters/leave.ts';
import { eraseSetAside, findPerson, type Person, type PersonRows } from './person.ts';

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

// The lanes before the dialogs, by which they are found.
const removeClient = statement<Record<'lanes' | 'dialogs' | 'client_channels' | 'clients', number>>(
  'erase_client',
  `with lanes_gone as (
     delete from lanes l using dialogs d
      where d.tenant_id = $1 and d.client_id = $2 and l.tenant_id = d.tenant_id and l.dialog_id = d.id
     returning 1
   ), dialogs_gone as (
     delete from dialogs where tenant_id = $1 and client_id = $2 returning 1
   ), identities_gone as (
     delete from client_channels where tenant_id = $1 and client_id = $2 returning 1
   ), client_gone as (
     delete from clients where tenant_id = $1 and id = $2 returning 1
   )
   select (select count(*)::int from lanes_gone) as lanes,
          (select count(*)::int from dialogs_gone) as dialogs,
          (select count(*)::int from identities_gone) as client_channels,
          (select count(*)::int from client_gone) as clients`,
);

// Finds the few remaining rows by their keys: a scan of a big table would hold the locks for too long.
const BY_KEYS = 'set local enable_seqscan = off';

/** Deletes the rows that identify the person, and messages that came since. Holds its locks briefly. */
async function eraseUnderLocks(
  tx: Transaction,
  who: Person,
  onMessages: (ids: string[]) => void,
): Promise<{ person: Person; removed: PersonRows }> {
  const key = [who.tenantId, who.clientId];
  await run(tx, BY_KEYS);
  await lockClient(tx, ...key);
  await lockDialogs(tx, ...key);
  const person = await findPerson(tx, who);
  const messages = await removeMessages(tx, ...key, null);
  const [removed] = await removeClient(tx, ...key);
  if (removed === undefined) throw unexpected('a deletion returned no row');
  onMessages(messages.map(({ id }) => id));
  return { person, removed: { messages: messages.length, ...removed, graph_removals: 0 } };
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
 * erasure finds the rest when it runs again. Returns the person at that moment: a chat or a dialog may have been added
 * since the first read.
 */
export async function erasePerson(
  db: Database,
  who: Person,
  onMessages: (ids: string[]) => void,
): Promise<{ person: Person; removed: PersonRows }> {
  const aside: Pick<PersonRows, 'set_aside'> = {};
  let earlier = 0;
  const eraseAside = async (person: Person) => {
    const { set_aside: removed } = await eraseSetAside(db, person);
    if (removed !== undefined) aside.set_aside = (aside.set_aside ?? 0) + removed;
  };
  return restarting(async () => {
    const known = await findPerson(db, who);
    await eraseAside(who);
    await eraseAside(known);
    earlier += await eraseMessages(db, who, onMessages);
    const { removed, person } = await withTransaction(db, (tx) =>
      eraseUnderLocks(tx, who, onMessages),
    );
    // A chat that was added meanwhile may have such rows, too.
    if (!isSame(known, person)) await eraseAside(person);
    return { person, removed: { ...removed, messages: removed.messages + earlier, ...aside } };
  });
}
