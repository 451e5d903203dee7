import { uuidv7 } from '@contour/contract';
import { LostRace } from '../lost-race.ts';
import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Fresh } from './chat.ts';
import { findOpenDialogs } from './find-open-dialogs.ts';

export interface Dialog {
  id: string;
  tenantId: string;
  clientId: string;
  accountId: number;
  /** Made by this transaction, for this batch. */
  isNew: boolean;
}

interface Wanted {
  tenantId: string;
  clientId: string;
  channelId: number;
  accountId: number;
}

const insertMissing = statement<{ id: string }>(
  'insert_dialogs',
  `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
   select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::int[])
   on conflict do nothing
   returning id`,
);

const keyOf = (d: Pick<Wanted, 'tenantId' | 'clientId' | 'accountId'>) =>
  `${d.tenantId} ${d.clientId} ${d.accountId}`;

/** In key order: two batches that make the same dialogs never wait for each other. */
function wantedDialogs(chats: readonly Chat[]): Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const { tenantId, channelId, client, messages } of chats) {
    if (client === undefined) throw new Error('a chat came to its dialog without a client');
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
    const { tenantId, clientId, accountId } = dialog;
    into.set(keyOf(dialog), { id, tenantId, clientId, accountId, isNew: false });
  }
}

async function create(db: Queryable, wanted: readonly Wanted[], into: Found): Promise<void> {
  if (wanted.length === 0) return;
  const made = wanted.map((dialog) => ({ ...dialog, id: uuidv7() }));
  const asked = columns(
    made,
    (d) => d.tenantId,
    (d) => d.id,
    (d) => d.clientId,
    (d) => d.channelId,
    (d) => d.accountId,
  );
  const won = new Set((await insertMissing(db, ...asked)).map((row) => row.id));
  for (const dialog of made) {
    const { id, tenantId, clientId, accountId } = dialog;
    if (won.has(id)) into.set(keyOf(dialog), { id, tenantId, clientId, accountId, isNew: true });
  }
}

/** Finds the dialog of a message among those of its batch. */
export type DialogOf = (chat: Chat, fresh: Fresh) => Dialog;

const among =
  (found: Found): DialogOf =>
  ({ tenantId, client }, { account }) => {
    const dialog =
      client && found.get(keyOf({ tenantId, clientId: client.id, accountId: account.id }));
    if (dialog === undefined) throw new Error('a message came to be stored without a dialog');
    return dialog;
  };

/** The open dialogs of these chats, or null where one has none. */
export async function findDialogs(db: Queryable, chats: readonly Chat[]): Promise<DialogOf | null> {
  const wanted = wantedDialogs(chats);
  const found: Found = new Map();
  await find(db, wanted, found);
  return found.size < wanted.length ? null : among(found);
}

/** Which conversation is it? The open one of client and account, else a new one. */
export async function openDialogs(db: Queryable, chats: readonly Chat[]): Promise<DialogOf> {
  const wanted = wantedDialogs(chats);
  const found: Found = new Map();
  const missing = () => wanted.filter((dialog) => !found.has(keyOf(dialog)));
  await find(db, wanted, found);
  await create(db, missing(), found);
  // Another transaction made these meanwhile: only a new statement can see its rows.
  await find(db, missing(), found);
  if (missing().length > 0) throw new LostRace('a dialog was closed between two looks');
  return among(found);
}
