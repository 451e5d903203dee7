import { uuidv7 } from '@contour/contract';
import { LostRace } from '../lost-race.ts';
import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Fresh } from './chat.ts';

/** An open dialog whose row this transaction holds: nobody else numbers messages in it meanwhile. */
export interface Dialog {
  id: string;
  tenantId: string;
  clientId: string;
  channelId: number;
  accountId: number;
  lastSeq: number;
  isNew: boolean;
}

type Wanted = Pick<Dialog, 'tenantId' | 'clientId' | 'channelId' | 'accountId'>;

interface DialogRow {
  id: string;
  tenant_id: string;
  client_id: string;
  channel_account_id: number;
  last_seq: number;
}

// In key order, so that two batches never wait for each other. NO KEY: a foreign key's look at the
// dialog does not have to wait for us.
const lockOpen = statement<DialogRow>(
  'lock_open_dialogs',
  `select d.id, d.tenant_id, d.client_id, d.channel_account_id, d.last_seq
     from unnest($1::uuid[], $2::uuid[], $3::int[]) as q(tenant_id, client_id, channel_account_id)
     join dialogs d using (tenant_id, client_id, channel_account_id)
    where d.status_id in (1, 2)
    order by d.tenant_id, d.client_id, d.channel_account_id
      for no key update of d`,
);

const insertMissing = statement<{ id: string }>(
  'insert_dialogs',
  `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
   select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::int[])
   on conflict do nothing
   returning id`,
);

const deleteEmpty = statement<{ id: string }>(
  'delete_empty_dialogs',
  `delete from dialogs d using unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)
    where d.tenant_id = q.tenant_id and d.id = q.id and d.last_seq = 0`,
);

const keyOf = (d: Pick<Wanted, 'tenantId' | 'clientId' | 'accountId'>) =>
  // Padded, so that these texts sort as the database sorts the numbers.
  `${d.tenantId} ${d.clientId} ${String(d.accountId).padStart(10, '0')}`;

function wantedDialogs(chats: readonly Chat[]): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const { tenantId, channelId, client, messages } of chats) {
    if (client === undefined) throw new Error('a chat came to its dialog without a client');
    for (const { account } of messages) {
      const dialog = { tenantId, clientId: client.id, channelId, accountId: account.id };
      wanted.set(keyOf(dialog), dialog);
    }
  }
  return wanted;
}

async function lock(db: Queryable, wanted: Wanted[], into: Map<string, Dialog>): Promise<void> {
  if (wanted.length === 0) return;
  const byKey = new Map(wanted.map((dialog) => [keyOf(dialog), dialog]));
  const asked = columns(
    wanted,
    (d) => d.tenantId,
    (d) => d.clientId,
    (d) => d.accountId,
  );
  for (const row of await lockOpen(db, ...asked)) {
    const key = keyOf({
      tenantId: row.tenant_id,
      clientId: row.client_id,
      accountId: row.channel_account_id,
    });
    const dialog = byKey.get(key);
    if (dialog) into.set(key, { ...dialog, id: row.id, lastSeq: row.last_seq, isNew: false });
  }
}

async function create(db: Queryable, wanted: Wanted[], into: Map<string, Dialog>): Promise<void> {
  if (wanted.length === 0) return;
  const made = wanted.map((dialog) => ({ ...dialog, id: uuidv7(), lastSeq: 0, isNew: true }));
  const asked = columns(
    made,
    (d) => d.tenantId,
    (d) => d.id,
    (d) => d.clientId,
    (d) => d.channelId,
    (d) => d.accountId,
  );
  const won = new Set((await insertMissing(db, ...asked)).map((row) => row.id));
  for (const dialog of made) if (won.has(dialog.id)) into.set(keyOf(dialog), dialog);
}

/** Finds the message's dialog among those that `resolveDialogs` locked. */
export type DialogOf = (chat: Chat, fresh: Fresh) => Dialog;

/** Which conversation is it? The open one of client and account, else a new one; locked either way. */
export async function resolveDialogs(
  db: Queryable,
  chats: readonly Chat[],
): Promise<{ dialogs: Dialog[]; dialogOf: DialogOf }> {
  const wanted = wantedDialogs(chats);
  const missing = (found: Map<string, Dialog>) =>
    [...wanted].flatMap(([key, dialog]) => (found.has(key) ? [] : [dialog]));
  const sorted = [...wanted.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, d]) => d);

  const found = new Map<string, Dialog>();
  await lock(db, sorted, found);
  await create(db, missing(found), found);
  await lock(db, missing(found), found);
  if (found.size < wanted.size) throw new LostRace('a dialog was closed between two looks');

  const dialogOf: DialogOf = (chat, { account }) => {
    const { tenantId, client } = chat;
    const dialog =
      client && found.get(keyOf({ tenantId, clientId: client.id, accountId: account.id }));
    if (dialog === undefined) throw new Error('a message came to be numbered without a dialog');
    return dialog;
  };
  return { dialogs: [...found.values()], dialogOf };
}

/** A dialog made for a message that then turned out to be a repeat does not stay behind empty. */
export async function removeUnused(db: Queryable, dialogs: readonly Dialog[]): Promise<void> {
  const unused = dialogs.filter((dialog) => dialog.isNew && dialog.lastSeq === 0);
  if (unused.length === 0) return;
  await deleteEmpty(
    db,
    ...columns(
      unused,
      (d) => d.tenantId,
      (d) => d.id,
    ),
  );
}
