import { channelOfId, corePayloadText, type MatchedBy, type Receipt } from '@contour/contract';
import { laneShard } from '../lanes/lane-shard.ts';
import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Fresh } from './chat.ts';
import type { Dialog, DialogOf } from './dialog.ts';

// Numbering, storing and queueing for delivery are one statement: there is no moment at which a
// message is accepted and not due. now() of the lane lets a running retry keep its own due time.
const insertMessages = statement<{ shard: number }>(
  'insert_messages',
  `with stored as (
     insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id,
                           content_hash, payload, matched_by, is_new_client, is_new_dialog, received_at,
                           trace_parent)
     select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::int[],
                          $7::text[], $8::text[], $9::json[], $10::text[], $11::boolean[],
                          $12::boolean[], $13::timestamptz[], $14::text[])
   ), advanced as (
     update dialogs d set last_seq = n.last_seq, updated_at = now()
       from unnest($15::uuid[], $16::uuid[], $17::int[]) as n(tenant_id, id, last_seq)
      where d.tenant_id = n.tenant_id and d.id = n.id
   )
   insert into lanes (tenant_id, dialog_id, last_seq, shard)
   select * from unnest($15::uuid[], $16::uuid[], $17::int[], $18::int[])
   on conflict (tenant_id, dialog_id)
     do update set last_seq = excluded.last_seq, version = nextval('lane_versions')
   returning shard`,
);

interface Numbered {
  fresh: Fresh;
  dialog: Dialog;
  clientId: string;
  seq: number;
  payload: string;
  matchedBy: MatchedBy;
  isNewClient: boolean;
  isNewDialog: boolean;
}

/** Takes the next number of the dialog, whose row is locked, and builds what Core will get. */
function number(chat: Chat, fresh: Fresh, dialog: Dialog, matchedBy: MatchedBy): Numbered {
  if (chat.client === undefined) throw new Error('a message came to be numbered without a client');
  dialog.lastSeq += 1;
  const { id, name, phone, channels } = chat.client;
  const seq = dialog.lastSeq;
  const isNewClient = matchedBy === 'created';
  const isNewDialog = dialog.isNew && seq === 1;
  const payload = corePayloadText(fresh.message, {
    tenantId: chat.tenantId,
    domainId: fresh.account.domainId,
    dialogId: dialog.id,
    channelAccountId: fresh.account.id,
    seq,
    isNewClient,
    isNewDialog,
    client: {
      id,
      name,
      phone,
      channels: channels.map((c) => ({
        channel: channelOfId(c.channel_id),
        external_id: c.external_id,
      })),
    },
  });
  return { fresh, dialog, clientId: id, seq, payload, matchedBy, isNewClient, isNewDialog };
}

/** Only a chat's first new message found its client in a new way; the rest know the identity. */
function numberChat(
  chat: Chat,
  dialogOf: DialogOf,
  isRepeat: (fresh: Fresh) => boolean,
): Numbered[] {
  const numbered: Numbered[] = [];
  for (const fresh of chat.messages) {
    if (isRepeat(fresh)) continue;
    const matchedBy = numbered.length === 0 ? (chat.matchedBy ?? 'identity') : 'identity';
    numbered.push(number(chat, fresh, dialogOf(chat, fresh), matchedBy));
  }
  return numbered;
}

export interface Stored {
  fresh: Fresh;
  receipt: Receipt;
}

/** Numbers what is new, stores payload and receipt, and puts the dialogs in line for delivery. */
export async function storeMessages(
  db: Queryable,
  chats: readonly Chat[],
  dialogOf: DialogOf,
  isRepeat: (fresh: Fresh) => boolean,
  shardCount: number,
): Promise<{ stored: Stored[]; shards: number[] }> {
  const numbered = chats.flatMap((chat) => numberChat(chat, dialogOf, isRepeat));
  if (numbered.length === 0) return { stored: [], shards: [] };
  const dialogs = [...new Set(numbered.map((n) => n.dialog))].sort((a, b) =>
    a.tenantId + a.id < b.tenantId + b.id ? -1 : 1,
  );
  const rows = await insertMessages(
    db,
    ...columns(
      numbered,
      (n) => n.dialog.tenantId,
      (n) => n.fresh.message.messageId,
      (n) => n.dialog.id,
      (n) => n.clientId,
      (n) => n.dialog.accountId,
      (n) => n.seq,
      (n) => n.fresh.message.traceId,
      (n) => n.fresh.message.contentHash,
      (n) => n.payload,
      (n) => n.matchedBy,
      (n) => n.isNewClient,
      (n) => n.isNewDialog,
      (n) => n.fresh.message.receivedAt,
      (n) => n.fresh.message.traceParent ?? null,
    ),
    ...columns(
      dialogs,
      (d) => d.tenantId,
      (d) => d.id,
      (d) => d.lastSeq,
      (d) => laneShard(d.id, shardCount),
    ),
  );
  const stored = numbered.map(({ fresh, dialog, clientId }) => ({
    fresh,
    receipt: {
      tenantId: dialog.tenantId,
      clientId,
      dialogId: dialog.id,
      traceId: fresh.message.traceId,
      messageId: fresh.message.messageId,
    },
  }));
  return { stored, shards: [...new Set(rows.map((row) => row.shard))] };
}
