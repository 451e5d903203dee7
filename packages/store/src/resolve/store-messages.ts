import {
  type ClientId,
  channelOfId,
  corePayloadAround,
  type DialogId,
  type MatchedBy,
  type Receipt,
  type TenantId,
  uuidv7,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { lostRace, unexpected } from '../database/errors.ts';
import { namedStatement, type Rows } from '../database/statement.ts';
import { type Chat, namedChannels } from './find-clients.ts';
import type { Fresh } from './first-look.ts';

interface DialogKey {
  tenantId: TenantId;
  clientId: ClientId;
  accountId: number;
}

const KEY_COLUMNS: Rows<DialogKey> = {
  tenant_id: ['uuid', ({ tenantId }) => tenantId],
  client_id: ['uuid', ({ clientId }) => clientId],
  channel_account_id: ['int', ({ accountId }) => accountId],
};

const findOpen = namedStatement<{ place: number; id: DialogId }>('find_open_dialogs')(
  { wanted: KEY_COLUMNS },
  `select q.place::int as place, d.id
     from :wanted q join dialogs d using (tenant_id, client_id, channel_account_id)
    where d.status_id in (1, 2)`,
);

/** The open dialogs of these clients over these accounts, by their ids. Takes no lock. */
export async function findOpenDialogs<Key extends DialogKey>(
  db: Queryable,
  wanted: readonly Key[],
): Promise<Map<Key, DialogId>> {
  const found = new Map<Key, DialogId>();
  if (wanted.length === 0) return found;
  for (const { place, id } of await findOpen(db, { wanted })) {
    const one = wanted[place - 1];
    if (one !== undefined) found.set(one, id);
  }
  return found;
}

interface Dialog extends DialogKey {
  channelId: number;
  id: DialogId;
  /** Made by this batch. */
  isNew: boolean;
}

type Wanted = Omit<Dialog, 'id' | 'isNew'>;

const NEW: Rows<Dialog> = {
  ...KEY_COLUMNS,
  id: ['uuid', ({ id }) => id],
  channel_id: ['smallint', ({ channelId }) => channelId],
};

const insertMissing = namedStatement<{ id: string }>('insert_dialogs')(
  { made: NEW },
  `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
   select tenant_id, id, client_id, channel_id, channel_account_id from :made m
   on conflict do nothing
   returning id`,
);

const keyOf = (d: DialogKey) => `${d.tenantId} ${d.clientId} ${d.accountId}`;

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

/** Adds the open ones of the wanted dialogs. Returns the others. */
async function find(db: Queryable, wanted: readonly Wanted[], found: Found): Promise<Wanted[]> {
  for (const [dialog, id] of await findOpenDialogs(db, wanted)) {
    found.set(keyOf(dialog), { ...dialog, id, isNew: false });
  }
  return wanted.filter((dialog) => !found.has(keyOf(dialog)));
}

/** Adds the wanted dialogs. Returns those that another transaction made first. */
async function create(db: Queryable, wanted: readonly Wanted[], found: Found): Promise<Wanted[]> {
  if (wanted.length === 0) return [];
  const made = wanted.map((dialog): Dialog => ({ ...dialog, id: uuidv7(), isNew: true }));
  const won = new Set((await insertMissing(db, { made })).map(({ id }) => id));
  for (const dialog of made) if (won.has(dialog.id)) found.set(keyOf(dialog), dialog);
  return made.filter(({ id }) => !won.has(id));
}

/** Finds the dialog of a message among those of its batch. */
type DialogOf = (chat: Chat, fresh: Fresh) => Dialog;

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
  const found: Found = new Map();
  const missing = await find(db, wantedDialogs(chats), found);
  return missing.length > 0 ? null : among(found);
}

/** The open dialog of each client and account, or a new one. */
export async function openDialogs(db: Queryable, chats: readonly Chat[]): Promise<DialogOf> {
  const found: Found = new Map();
  const missing = await find(db, wantedDialogs(chats), found);
  const lost = await create(db, missing, found);
  // Only a new statement can see the rows of another transaction.
  const closed = await find(db, lost, found);
  if (closed.length > 0) throw lostRace('A dialog was closed meanwhile.');
  return among(found);
}

/**
 * SQL for the shard that delivers a dialog. It is written into the lane when the lane is made, and stays until the lane
 * is empty. So two workers never deliver one dialog after the number of shards was changed. The last digits of a UUID are
 * random in every version that a dialog may have.
 */
export const laneShard = (dialogId: string, shardCount: string): string =>
  `mod(('x' || right(${dialogId}::text, 8))::bit(32)::bigint, ${shardCount})`;

/** A message with its client and its dialog. */
type Placed = ReturnType<typeof place>[number];

/** A dialog, and how many messages the batch adds to it. */
const DIALOGS: Rows<readonly [Dialog, number]> = {
  tenant_id: ['uuid', ([dialog]) => dialog.tenantId],
  id: ['uuid', ([dialog]) => dialog.id],
  client_id: ['uuid', ([dialog]) => dialog.clientId],
  account_id: ['int', ([dialog]) => dialog.accountId],
  messages: ['int', ([, messages]) => messages],
};

const MESSAGES: Rows<Placed & { payload: ReturnType<typeof payloadAround> }> = {
  dialog_id: ['uuid', ({ dialog }) => dialog.id],
  number: ['int', ({ number }) => number],
  id: ['uuid', ({ fresh }) => fresh.message.messageId],
  trace_id: ['text', ({ fresh }) => fresh.message.traceId],
  content_hash: ['text', ({ fresh }) => fresh.message.contentHash],
  before_seq: ['text', ({ payload }) => payload.beforeSeq],
  after_seq: ['text', ({ payload }) => payload.afterSeq],
  matched_by: ['text', ({ matchedBy }) => matchedBy],
  is_new_client: ['boolean', ({ isNewClient }) => isNewClient],
  is_new_dialog: ['boolean', ({ isNewDialog }) => isNewDialog],
  received_at: ['timestamptz', ({ fresh }) => fresh.message.receivedAt],
  // As seconds, because a year may have five digits.
  written_at: [
    'float8',
    ({ fresh: { message } }) => (message.writtenAtMs === null ? null : message.writtenAtMs / 1000),
  ],
  trace_parent: ['text', ({ fresh }) => fresh.message.traceParent ?? null],
};

/*
 * Numbering, storing and queueing for delivery are one statement, so a message is never accepted without being due.
 * `advanced` counts the dialogs up. This update locks the rows of `dialogs`, and under this lock the messages get their
 * numbers. A dialog that was closed meanwhile, or that belongs to another client or account by now, is left out with its
 * messages. The lanes come last and in key order, as in `settle`: after the messages, and only once no dialog has to be
 * waited for. A lane that exists gets a new version, but no new due time: a running retry keeps its own.
 */
const insertMessages = namedStatement<{ dialog_id: string; shard: number }>('insert_messages')(
  { dialogs: DIALOGS, messages: MESSAGES, shard_count: 'int' },
  `with advanced as (
     update dialogs d set last_seq = d.last_seq + n.messages, updated_at = now()
       from :dialogs n
      where d.tenant_id = n.tenant_id and d.id = n.id and d.status_id in (1, 2)
        and d.client_id = n.client_id and d.channel_account_id = n.account_id
     returning d.tenant_id, d.id, d.client_id, d.channel_account_id, d.last_seq,
               d.last_seq - n.messages as earlier
   ), stored as (
     insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id,
                           content_hash, payload, payload_bytes, matched_by, is_new_client, is_new_dialog,
                           received_at, written_at, trace_parent)
     select d.tenant_id, m.id, d.id, d.client_id, d.channel_account_id, d.earlier + m.number, m.trace_id,
            m.content_hash, (m.before_seq || (d.earlier + m.number) || m.after_seq)::json,
            octet_length(m.before_seq) + length((d.earlier + m.number)::text) + octet_length(m.after_seq),
            m.matched_by, m.is_new_client, m.is_new_dialog, m.received_at, to_timestamp(m.written_at),
            m.trace_parent
       from :messages m join advanced d on d.id = m.dialog_id
     returning 1
   )
   insert into lanes (tenant_id, dialog_id, last_seq, shard)
   select tenant_id, id, last_seq, ${laneShard('id', ':shard_count')} from advanced
    where (select count(*) from stored) > 0
    order by tenant_id, id
   on conflict (tenant_id, dialog_id)
     do update set last_seq = excluded.last_seq, version = nextval('lane_versions')
   returning dialog_id, shard`,
);

/** Only the first message of a chat can have made or linked its client; the others match by identity. */
function place(chats: readonly Chat[], dialogOf: DialogOf) {
  const count = new Map<Dialog, number>();
  return chats.flatMap((chat) => {
    const { client } = chat;
    if (client === undefined) throw unexpected('a chat has no client');
    return chat.messages.map((fresh, index) => {
      const dialog = dialogOf(chat, fresh);
      // Among the messages that the batch adds to the dialog.
      const number = (count.get(dialog) ?? 0) + 1;
      count.set(dialog, number);
      const matchedBy: MatchedBy = (index === 0 && chat.matchedBy) || 'identity';
      const isNewClient = matchedBy === 'created';
      const isNewDialog = dialog.isNew && number === 1;
      return { fresh, chat, client, dialog, number, matchedBy, isNewClient, isNewDialog };
    });
  });
}

/** The payload for Core, as the texts before and after the number, which only Postgres knows. */
function payloadAround({ fresh, chat, client, dialog, isNewClient, isNewDialog }: Placed) {
  const { id, name, phone } = client;
  return corePayloadAround(fresh.message, {
    tenantId: chat.tenantId,
    domainId: fresh.account.domainId,
    dialogId: dialog.id,
    channelAccountId: fresh.account.id,
    isNewClient,
    isNewDialog,
    client: {
      id,
      name,
      phone,
      channels: namedChannels(chat).map((c) => ({
        channel: channelOfId(c.channel_id),
        external_id: c.external_id,
      })),
    },
  });
}

export interface Stored {
  receipts: Map<Fresh, Receipt>;
  shards: number[];
  hasNewDialogs: boolean;
}

const receiptOf = ({ fresh: { message }, chat, client, dialog }: Placed): Receipt => ({
  tenantId: chat.tenantId,
  clientId: client.id,
  dialogId: dialog.id,
  traceId: message.traceId,
  messageId: message.messageId,
});

/**
 * Numbers and stores the messages and puts their dialogs into lanes. A message whose dialog was closed meanwhile gets no
 * receipt, and has to start again. If another transaction has stored one of the messages, the ledger's key refuses all.
 */
export async function storeMessages(
  db: Queryable,
  chats: readonly Chat[],
  dialogOf: DialogOf,
  shardCount: number,
): Promise<Stored> {
  const placed = place(chats, dialogOf);
  const counts = new Map(placed.map(({ dialog, number }) => [dialog, number]));
  // In key order, in which Postgres nearly always locks them: of two batches that share dialogs one waits for the other.
  // If Postgres chose another order, the deadlock ends one of them, and that one starts again.
  const dialogs = [...counts].sort(([a], [b]) => (a.tenantId + a.id < b.tenantId + b.id ? -1 : 1));
  if (new Set(dialogs.map(([d]) => d.id)).size < dialogs.length) {
    throw lostRace('A dialog was given to another client meanwhile.');
  }
  const messages = placed.map((one) => ({ ...one, payload: payloadAround(one) }));
  const rows = await insertMessages(db, { dialogs, messages, shard_count: shardCount });
  const advanced = new Set(rows.map((row) => row.dialog_id));
  const stored = placed.filter(({ dialog }) => advanced.has(dialog.id));
  return {
    receipts: new Map(stored.map((one) => [one.fresh, receiptOf(one)])),
    shards: [...new Set(rows.map((row) => row.shard))],
    hasNewDialogs: stored.some(({ isNewDialog }) => isNewDialog),
  };
}
