import { z } from 'zod';
import {
  CHANNEL_CODES,
  CHANNELS,
  type Channel,
  type ClientId,
  channelOfId,
  type DialogId,
  type TenantId,
} from './identity.ts';
import type { IncomingMessage } from './incoming-message.ts';

const nullableText = z.string().nullable();

/** The body of a push to Core. Tests check the text that is built below against this schema. */
export const corePayload = z.strictObject({
  tenant_id: z.uuid(),
  domain_id: z.int(),
  client_id: z.uuid(),
  dialog_id: z.uuid(),
  channel_id: z.int().min(1).max(5),
  external_chat_id: z.string(),
  text: nullableText,
  timestamp: z
    .union([z.string(), z.number()])
    .describe('As it was sent; the time of receipt, in UTC, if it was not.'),
  message_ids: z.array(z.string()).min(1),
  trace_id: z.string(),
  media: z.unknown(),
  meta: z.looseObject({ is_new_client: z.boolean(), is_new_dialog: z.boolean() }),
  client: z.strictObject({
    id: z.uuid(),
    name: nullableText,
    phone: nullableText,
    channels: z.array(z.strictObject({ channel: z.enum(CHANNEL_CODES), external_id: z.string() })),
  }),
  message_id: z.uuid(),
  seq: z.int().min(1),
  channel: z.enum(CHANNEL_CODES),
  channel_account_id: z.int(),
  external_user_id: nullableText,
  client_phone: nullableText,
});

type CorePayload = z.infer<typeof corePayload>;

/** The fields that resolving adds to a message. */
export interface Enrichment {
  tenantId: TenantId;
  domainId: number;
  dialogId: DialogId;
  channelAccountId: number;
  isNewClient: boolean;
  isNewDialog: boolean;
  client: CorePayload['client'] & { id: ClientId };
}

function metaWithFlags(meta: string | null, flags: object): string {
  const flagsText = JSON.stringify(flags);
  return meta === null || meta === '{}' ? flagsText : `${meta.slice(0, -1)},${flagsText.slice(1)}`;
}

/**
 * The payload that is stored once and sent unchanged in every attempt: the texts before and after `seq`, the number of
 * the message in its dialog, which is known only when the message is stored. The payload is joined from texts, because
 * `media` and `meta` must not go through a JSON value again (json.ts).
 */
export function corePayloadAround(
  message: IncomingMessage,
  enrichment: Enrichment,
): { beforeSeq: string; afterSeq: string } {
  const { client, isNewClient, isNewDialog } = enrichment;
  const meta = metaWithFlags(message.meta, {
    is_new_client: isNewClient,
    is_new_dialog: isNewDialog,
  });
  const head = JSON.stringify({
    tenant_id: enrichment.tenantId,
    domain_id: enrichment.domainId,
    client_id: client.id,
    dialog_id: enrichment.dialogId,
    channel_id: CHANNELS[message.channel].id,
    external_chat_id: message.externalChatId,
    text: message.text,
    timestamp: message.timestamp,
    message_ids: message.messageIds,
    trace_id: message.traceId,
  });
  const middle = JSON.stringify({ client, message_id: message.messageId });
  const tail = JSON.stringify({
    channel: message.channel,
    channel_account_id: enrichment.channelAccountId,
    external_user_id: message.externalUserId,
    client_phone: message.clientPhone,
  });
  const texts = `"media":${message.media ?? 'null'},"meta":${meta}`;
  return {
    beforeSeq: `${head.slice(0, -1)},${texts},${middle.slice(1, -1)},"seq":`,
    afterSeq: `,${tail.slice(1)}`,
  };
}

/**
 * The channel of a stored payload, found without parsing it: the fields of the sender come after it. Undefined if the
 * text is not a payload of ours.
 */
export function channelOfPayload(payload: string): Channel | undefined {
  const [, id] = /"channel_id":([1-5]),/.exec(payload.slice(0, 300)) ?? [];
  return id === undefined ? undefined : channelOfId(Number(id));
}
