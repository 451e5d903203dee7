import { type ClientId, type DialogId, type TenantId, uuidv7 } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { lostRace, unexpected } from '../database/errors.ts';
import { namedStatement, type Rows, statement } from '../database/statement.ts';
import type { Chat } from './find-clients.ts';
import type { Fresh } from './first-look.ts';

const findOpen = statement<{ n: number; id: DialogId }>(
  'find_open_dialogs',
  `select q.n::int as n, d.id
     from unnest($1::uuid[], $2::uuid[], $3::int[])
          with ordinality as q(tenant_id, client_id, channel_account_id, n)
     join dialogs d using (tenant_id, client_id, channel_account_id)
    where d.status_id in (1, 2)`,
);

/** The open dialogs of these clients over these accounts, by their ids. Takes no lock. */
export async function findOpenDialogs<
  Key extends { tenantId: string; clientId: string; accountId: number },
>(db: Queryable, wanted: readonly Key[]): Promise<Map<Key, DialogId>> {
  if (wanted.length === 0) return new Map();
  const rows = await findOpen(
    db,
    wanted.map((one) => one.tenantId),
    wanted.map((one) => one.clientId),
    wanted.map((one) => one.accountId),
  );
  const found = new Map<Key, DialogId>();
  for (const { n, id } of rows) {
    const one = wanted[n - 1];
    if (one !== undefined) found.set(one, id);
  }
  return found;
}

interface Wanted {
  tenantId: TenantId;
  clientId: ClientId;
  channelId: number;
  accountId: number;
}

export interface Dialog extends Wanted {
  id: DialogId;
  /** Made by this batch. */
  isNew: boolean;
}

const NEW: Rows<Dialog> = {
  tenant_id: ['uuid', (dialog) => dialog.tenantId],
  id: ['uuid', (dialog) => dialog.id],
  client_id: ['uuid', (dialog) => dialog.clientId],
  channel_id: ['smallint', (dialog) => dialog.channelId],
  account_id: ['int', (dialog) => dialog.accountId],
};

const insertMissing = namedStatement<{ id: string }>('insert_dialogs')(
  { made: NEW },
  `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
   select tenant_id, id, client_id, channel_id, account_id from :made m order by place
   on conflict do nothing
   returning id`,
);

const keyOf = (d: Pick<Wanted, 'tenantId' | 'clientId' | 'accountId'>) =>
  `${d.tenantId} ${d.clientId} ${d.accountId}`;

/** In key order, so that two batches that make the same dialogs do not deadlock. */
function wantedDialogs(chats: readonly Chat[]): Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const { tenantId, channelId, client, messages } of chats) {
    if (client === undefined) throw unexpected('a chat has no client');
    for (const { account } of messages) {
      const dialog = { tenantId, clientId: client.id, channelId, accountId: account.id };
      wanted.set(keyOf(dialog), dialog);
    }
  }
  return [...wanted].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, dialog]) => dialog);
}

type Found = Map<string, Dialog>;

async function find(db: Queryable, wanted: readonly Wanted[], into: Found): Promise<void> {
  for (const [dialog, id] of await findOpenDialogs(db, wanted)) {
    into.set(keyOf(dialog), { ...dialog, id, isNew: false });
  }
}

async function create(db: Queryable, wanted: readonly Wanted[], into: Found): Promise<void> {
  if (wanted.length === 0) return;
  const made = wanted.map((dialog): Dialog => ({ ...dialog, id: uuidv7(), isNew: true }));
  const rows = await insertMissing(db, { made });
  const won = new Set(rows.map((row) => row.id));
  for (const dialog of made) if (won.has(dialog.id)) into.set(keyOf(dialog), dialog);
}

/** Finds the dialog of a message among those of its batch. */
export type DialogOf = (chat: Chat, fresh: Fresh) => Dialog;

const among =
  (found: Found): DialogOf =>
  ({ tenantId, client }, { account }) => {
    const dialog =
      client && found.get(keyOf({ tenantId, clientId: client.id, accountId: account.id }));
    if (dialog === undefined) throw unexpected('a message has no dialog');
    return dialog;
  };

/** The open dialogs of these chats, or null if one is missing. */
export async function findDialogs(db: Queryable, chats: readonly Chat[]): Promise<DialogOf | null> {
  const wanted = wantedDialogs(chats);
  const found: Found = new Map();
  await find(db, wanted, found);
  return found.size < wanted.length ? null : among(found);
}

/** The open dialog of each client and account, or a new one. */
export async function openDialogs(db: Queryable, chats: readonly Chat[]): Promise<DialogOf> {
  const wanted = wantedDialogs(chats);
  const found: Found = new Map();
  const missing = () => wanted.filter((dialog) => !found.has(keyOf(dialog)));
  await find(db, wanted, found);
  await create(db, missing(), found);
  // Another transaction made these meanwhile. Only a new statement can see its rows.
  await find(db, missing(), found);
  if (missing().length > 0) throw lostRace('A dialog was closed meanwhile.');
  return among(found);
}
