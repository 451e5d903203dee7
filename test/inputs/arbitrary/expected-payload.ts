import { normalisePhone } from '@contour/contract';
import { type Json, quoted, written } from './json.ts';
import type { Fields } from './message.ts';

type Payload = Record<string, unknown> & {
  meta: Record<string, unknown>;
  client: Record<string, unknown>;
};

const isAbsent = (json: Json | undefined): json is undefined | 'null' =>
  json === undefined || json === 'null';

/** Fields that may be a text or an integer are passed on as texts. */
const asText = (json: Json | undefined): string => {
  if (isAbsent(json)) return 'null';
  const text = written(json);
  return text.startsWith('"') ? text : quoted(text);
};

const asFreeJson = (json: Json | undefined): string =>
  written(json ?? 'null').replaceAll('{token}', '{credential}');

function metaWithFlags(json: Json | undefined, { meta }: Payload): string {
  const { is_new_client, is_new_dialog } = meta;
  const flags = JSON.stringify({ is_new_client, is_new_dialog }).slice(1);
  const head = isAbsent(json) ? '{' : asFreeJson(json).slice(0, -1);
  return `${head}${head === '{' ? '' : ','}${flags}`;
}

/** The client of a first message. With a phone it may be an existing client. */
function client(fields: Fields, payload: Payload): string {
  const phone = asText(fields.client_phone);
  if (phone !== 'null' && normalisePhone(JSON.parse(phone), 'RU') !== null) {
    return JSON.stringify(payload.client);
  }
  const name = written(fields.client_name ?? 'null');
  const channels = `[{"channel":"telegram","external_id":${asText(fields.external_chat_id)}}]`;
  return `{"id":${quoted(String(payload.client_id))},"name":${name},"phone":null,"channels":${channels}}`;
}

/**
 * The payload that Core must get for a message: every field as it was sent. `payload` is the actual one, for
 * the values that only Contour knows.
 */
export function expectedPayload(fields: Fields, payload: Payload): string {
  const own = (name: string) => JSON.stringify(payload[name]);
  const ids = fields.message_ids as { list: Json[] };
  const members: Record<string, string> = {
    tenant_id: own('tenant_id'),
    domain_id: own('domain_id'),
    client_id: own('client_id'),
    dialog_id: own('dialog_id'),
    channel_id: '1',
    external_chat_id: asText(fields.external_chat_id),
    text: written(fields.text ?? 'null'),
    timestamp: isAbsent(fields.timestamp) ? own('timestamp') : written(fields.timestamp),
    message_ids: `[${ids.list.map(asText).join(',')}]`,
    trace_id: isAbsent(fields.trace_id) ? own('trace_id') : written(fields.trace_id),
    media: asFreeJson(fields.media),
    meta: metaWithFlags(fields.meta, payload),
    client: client(fields, payload),
    message_id: own('message_id'),
    seq: '1',
    channel: '"telegram"',
    channel_account_id: own('channel_account_id'),
    external_user_id: asText(fields.external_user_id),
    client_phone: asText(fields.client_phone),
  };
  return `{${Object.entries(members)
    .map(([name, json]) => `${quoted(name)}:${json}`)
    .join(',')}}`;
}
