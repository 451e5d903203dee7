import { hash } from 'node:crypto';
import { CREDENTIAL_FIELDS } from './channels.ts';
import { type Account, checkCredential } from './check-credential.ts';
import { writeExactJson } from './exact-json.ts';
import type { Fault } from './faults.ts';
import { messageIdOf, uuidv7 } from './ids.ts';
import { incomingFields } from './incoming-fields.ts';
import type { IncomingMessage } from './incoming-message.ts';
import {
  findTextFaults,
  inKeyOrder,
  isTooDeep,
  MAX_DEPTH,
  MAX_FAULTS,
  withoutCredential,
} from './json-walk.ts';
import { parseTraceparent } from './traceparent.ts';

const MAX_MEDIA_BYTES = 64 * 1024;

export type Checked = { ok: true; message: IncomingMessage } | { ok: false; faults: Fault[] };

type Fields = ReturnType<typeof incomingFields.parse>;
type Body = Record<string, unknown>;

const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const SECRET_FIELDS = [...CREDENTIAL_FIELDS, 'account_fingerprint'];
const KNOWN_FIELDS = [...Object.keys(incomingFields.shape), ...SECRET_FIELDS];

/** Only the fields that we read: a fault in what we ignore is nobody's. */
function knownFields(body: Body): Body {
  const known: Body = {};
  for (const key of KNOWN_FIELDS) if (Object.hasOwn(body, key)) known[key] = body[key];
  return known;
}

const isId = (id: unknown) => (typeof id === 'string' && id !== '') || Number.isSafeInteger(id);

/** Up to the last bad id that is named: to name each of a hundred thousand takes seconds. */
function upToLastFault(ids: unknown): unknown {
  if (!Array.isArray(ids)) return ids;
  let faults = 0;
  const end = ids.findIndex((id) => !isId(id) && ++faults === MAX_FAULTS);
  return end < 0 ? ids : ids.slice(0, end + 1);
}

function fieldFaults(body: Body): { fields?: Fields; faults: Fault[] } {
  const parsed = incomingFields.safeParse({
    ...body,
    message_ids: upToLastFault(body.message_ids),
  });
  if (parsed.success) return { fields: parsed.data, faults: [] };
  const faults = parsed.error.issues.map(({ path, message }) => ({
    path: path.join('.'),
    message,
  }));
  return { faults };
}

/** Rules that need more than one field, checked whatever else is wrong, so that all is named at once. */
function faultsBetweenFields(body: Body): Fault[] {
  const faults: Fault[] = [];
  if ((body.media ?? null) === null && (body.text ?? '') === '') {
    faults.push({ path: 'text', message: 'is required where there is no media' });
  }
  if ((body.message_ids ?? null) === null && (body.message_id ?? null) === null) {
    faults.push({ path: 'message_ids', message: 'is required' });
  }
  return faults;
}

/** Keys are told in paths, and a credential may stand in one. */
function textFaults(known: Body): Fault[] {
  const secrets = SECRET_FIELDS.map((field) => known[field] ?? '')
    .filter((value) => typeof value === 'number' || (typeof value === 'string' && value !== ''))
    .map(String);
  const shown = (key: string) =>
    secrets.reduce((rest, secret) => withoutCredential(rest, secret) as string, key);
  const found: Fault[] = [];
  for (const [field, value] of Object.entries(known)) findTextFaults(value, field, shown, found);
  return found;
}

function mediaFaults(media: unknown): Fault[] {
  if (Buffer.byteLength(writeExactJson(media ?? null)) <= MAX_MEDIA_BYTES) return [];
  return [{ path: 'media', message: `must be at most ${MAX_MEDIA_BYTES} bytes of JSON` }];
}

/** Tells a repeat from a conflict: the same message ids with another text or media. */
function contentHashOf(text: string | null, media: unknown): string {
  const content = writeExactJson([text ?? '', inKeyOrder(media ?? null)]);
  return hash('sha256', content, 'hex');
}

const redacted = (value: unknown, { credential }: Account): unknown =>
  credential === null ? value : withoutCredential(value, credential);

const jsonOrNull = (value: unknown): string | null =>
  (value ?? null) === null ? null : writeExactJson(value);

/** The flags that Core reads in `meta` are ours: a sender's own of the same name would be a lie. */
function metaWithoutFlags(meta: Fields['meta']): unknown {
  if (meta === undefined) return null;
  const { is_new_client: _client, is_new_dialog: _dialog, ...rest } = meta;
  return rest;
}

function toMessage(fields: Fields, account: Account, receivedAt: Date): IncomingMessage {
  const { channel, external_chat_id: externalChatId } = fields;
  const messageIds = fields.message_ids ?? [fields.message_id ?? ''];
  const media = redacted(fields.media, account);
  const text = fields.text ?? null;
  const { fingerprint, mask } = account;
  return {
    messageId: messageIdOf({ channel, fingerprint, externalChatId, messageIds }),
    contentHash: contentHashOf(text, media),
    traceId: fields.trace_id ?? uuidv7(),
    channel,
    fingerprint,
    mask,
    externalChatId,
    externalUserId: fields.external_user_id ?? null,
    clientName: fields.client_name ?? null,
    clientPhone: fields.client_phone ?? null,
    clientUsername: fields.client_username ?? null,
    text,
    timestamp: fields.timestamp ?? receivedAt.toISOString(),
    messageIds,
    media: jsonOrNull(media),
    meta: jsonOrNull(redacted(metaWithoutFlags(fields.meta), account)),
    receivedAt: receivedAt.toISOString(),
  };
}

/** Checks one body as it came over the wire; every fault is named, not only the first. */
export function checkIncoming(body: unknown, receivedAt: Date = new Date()): Checked {
  if (!isBody(body)) return { ok: false, faults: [{ path: '', message: 'must be a JSON object' }] };
  const known = knownFields(body);
  const deep = Object.keys(known).filter((key) => isTooDeep(known[key], 1));
  const shallow = { ...known };
  for (const key of deep) delete shallow[key];
  const { fields, faults } = fieldFaults(known);
  const channel = incomingFields.shape.channel.safeParse(body.channel);
  const credential = channel.success ? checkCredential(body, channel.data) : { faults: [] };
  const all = [
    ...deep.map((path) => ({ path, message: `is nested deeper than ${MAX_DEPTH} levels` })),
    ...textFaults(shallow),
    ...faults,
    ...credential.faults,
    ...faultsBetweenFields(body),
    ...mediaFaults(shallow.media),
  ];
  if (all.length > 0 || fields === undefined || credential.account === undefined) {
    return { ok: false, faults: all.slice(0, MAX_FAULTS) };
  }
  const message = toMessage(fields, credential.account, receivedAt);
  const traceParent = parseTraceparent(body.traceparent);
  return { ok: true, message: traceParent === undefined ? message : { ...message, traceParent } };
}
