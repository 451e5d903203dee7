import { channelOfId, corePayloadAround, type MatchedBy, type Receipt } from '@contour/contract';
import { laneShard } from '../lanes/lane-shard.ts';
import { LostRace } from '../lost-race.ts';
import { columns, type Queryable, statement } from '../statement.ts';
import type { Chat, Fresh } from './chat.ts';
import type { Dialog, DialogOf } from './dialog.ts';
import { namedChannels } from './named-channels.ts';

// Numbering, storing and queueing for delivery are one statement: there is no moment at which a message is
// accepted and not due, and the update of the dialog's row is the lock under which it gets its number. What was
// to go into a dialog that has been closed meanwhile, or is somebody else's by now, is left out. The lanes come last
// and in key order, as whoever settles takes them: behind the messages, and only when no dialog has to be waited for.
// A new version of the lane, and not a new due time: a running retry keeps its own.
const insertMessages = statement<{ dialog_id: string; shard: number }>(
  'insert_messages',
  `with advanced as (
     update dialogs d set last_seq = d.last_seq + n.messages, updated_at = now()
       from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[])
            with ordinality as n(tenant_id, id, client_id, account_id, messages, shard, place)
      where d.tenant_id = n.tenant_id and d.id = n.id and d.status_id in (1, 2)
        and d.client_id = n.client_id and d.channel_account_id = n.account_id
     returning n.place, n.shard, d.tenant_id, d.id, d.client_id, d.channel_account_id, d.last_seq,
               d.last_seq - n.messages as earlier
   ), stored as (
     insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id,
                           content_hash, payload, payload_bytes, matched_by, is_new_client, is_new_dialog,
                           received_at, trace_parent)
     select d.tenant_id, m.id, d.id, d.client_id, d.channel_account_id, d.earlier + m.number, m.trace_id,
            m.content_hash, (m.before_seq || (d.earlier + m.number) || m.after_seq)::json,
            octet_length(m.before_seq) + length((d.earlier + m.number)::text) + octet_length(m.after_seq),
            m.matched_by, m.is_new_client, m.is_new_dialog, m.received_at, m.trace_parent
       from unnest($7::int[], $8::int[], $9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[],
                   $14::text[], $15::boolean[], $16::boolean[], $17::timestamptz[], $18::text[])
            as m(place, number, id, trace_id, content_hash, before_seq, after_seq,
                 matched_by, is_new_client, is_new_dialog, received_at, trace_parent)
       join advanced d using (place)
     returning 1
   )
   insert into lanes (tenant_id, dialog_id, last_seq, shard)
   select tenant_id, id, last_seq, shard from advanced
    where (select count(*) from stored) > 0
    order by tenant_id, id
   on conflict (tenant_id, dialog_id)
     do update set last_seq = excluded.last_seq, version = nextval('lane_versions')
   returning dialog_id, shard`,
);

/** A message on its way into its dialog. */
interface Placed {
  fresh: Fresh;
  chat: Chat;
  dialog: Dialog;
  /** Its number among those that the batch brings into the dialog. */
  number: number;
  matchedBy: MatchedBy;
  isNewClient: boolean;
  isNewDialog: boolean;
}

/** Only a chat's first message found its client in a new way; the rest know the identity. */
function place(chats: readonly Chat[], dialogOf: DialogOf): Placed[] {
  const count = new Map<Dialog, number>();
  return chats.flatMap((chat) =>
    chat.messages.map((fresh, index) => {
      const dialog = dialogOf(chat, fresh);
      const number = (count.get(dialog) ?? 0) + 1;
      count.set(dialog, number);
      const matchedBy = (index === 0 && chat.matchedBy) || 'identity';
      const isNewClient = matchedBy === 'created';
      const isNewDialog = dialog.isNew && number === 1;
      return { fresh, chat, dialog, number, matchedBy, isNewClient, isNewDialog };
    }),
  );
}

/** What Core will get, around the number that only Postgres knows. */
function payloadAround({ fresh, chat, dialog, isNewClient, isNewDialog }: Placed) {
  if (chat.client === undefined) throw new Error('a message came to be stored without a client');
  const { id, name, phone } = chat.client;
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

const receiptOf = ({ fresh: { message }, chat, dialog }: Placed): Receipt => ({
  tenantId: chat.tenantId,
  clientId: chat.client?.id ?? '',
  dialogId: dialog.id,
  traceId: message.traceId,
  messageId: message.messageId,
});

/**
 * Numbers and stores the messages and puts their dialogs in line for delivery. One whose dialog was closed
 * meanwhile gets no receipt, and has to start again; one that another transaction has stored meanwhile is
 * refused by the ledger's key, and the whole with it.
 */
export async function storeMessages(
  db: Queryable,
  chats: readonly Chat[],
  dialogOf: DialogOf,
  shardCount: number,
): Promise<Stored> {
  const placed = place(chats, dialogOf);
  const counts = new Map(placed.map(({ dialog, number }) => [dialog, number]));
  // In key order, in which Postgres nearly always takes them: of two batches that share dialogs one waits for the
  // other. Where each waits for the other after all, one starts again.
  const dialogs = [...counts].sort(([a], [b]) => (a.tenantId + a.id < b.tenantId + b.id ? -1 : 1));
  if (new Set(dialogs.map(([d]) => d.id)).size < dialogs.length) {
    throw new LostRace('a dialog changed hands between two looks');
  }
  const places = new Map(dialogs.map(([dialog], index) => [dialog, index + 1]));
  const payloads = placed.map(payloadAround);
  const rows = await insertMessages(
    db,
    ...columns(
      dialogs,
      ([d]) => d.tenantId,
      ([d]) => d.id,
      ([d]) => d.clientId,
      ([d]) => d.accountId,
      ([, messages]) => messages,
      ([d]) => laneShard(d.id, shardCount),
    ),
    ...columns(
      placed,
      (p) => places.get(p.dialog),
      (p) => p.number,
      (p) => p.fresh.message.messageId,
      (p) => p.fresh.message.traceId,
      (p) => p.fresh.message.contentHash,
    ),
    ...columns(
      payloads,
      (payload) => payload.beforeSeq,
      (payload) => payload.afterSeq,
    ),
    ...columns(
      placed,
      (p) => p.matchedBy,
      (p) => p.isNewClient,
      (p) => p.isNewDialog,
      (p) => p.fresh.message.receivedAt,
      (p) => p.fresh.message.traceParent ?? null,
    ),
  );
  const advanced = new Set(rows.map((row) => row.dialog_id));
  const stored = placed.filter(({ dialog }) => advanced.has(dialog.id));
  return {
    receipts: new Map(stored.map((one) => [one.fresh, receiptOf(one)])),
    shards: [...new Set(rows.map((row) => row.shard))],
    hasNewDialogs: stored.some(({ isNewDialog }) => isNewDialog),
  };
}
