import { hash } from 'node:crypto';
import {
  CHANNELS,
  type Channel,
  CREDENTIAL_FIELDS,
  CREDENTIAL_PATTERN,
  FINGERPRINT_PATTERN,
  fingerprintOf,
  maskCredential,
  messageIdOf,
  uuidv7,
} from './identity.ts';
import {
  type IncomingMessage,
  incomingFields,
  isMessageId,
  parseTraceparent,
} from './incoming-message.ts';
import { instantOf } from './instant-of.ts';
import {
  type Body,
  type FreeJson,
  freeJson,
  inKeyOrder,
  inspect,
  isBody,
  MAX_FAULTS,
  MIN_SECRET_LENGTH,
  withoutCredential,
  writeExactJson,
} from './json.ts';
import type { Fault } from './outcomes.ts';

const MAX_MEDIA_BYTES = 64 * 1024;
/** Keys of `media` and `meta` together. 64 KiB of JSON hold at most 13 100, so no `media` alone is refused. */
const MAX_KEYS = 20_000;

type Checked = { ok: true; message: IncomingMessage } | { ok: false; faults: Fault[] };

type Fields = ReturnType<typeof incomingFields.parse>;

const SECRET_FIELDS = [...CREDENTIAL_FIELDS, 'account_fingerprint'];
const KNOWN_FIELDS = [...Object.keys(incomingFields.shape), ...SECRET_FIELDS];

/** Only the fields that we read: faults in other fields do not matter. */
function knownFields(body: Body): Body {
  const known: Body = {};
  for (const key of KNOWN_FIELDS) if (Object.hasOwn(body, key)) known[key] = body[key];
  return known;
}

/** Cuts the list after the last bad id that is reported: to report each of a hundred thousand takes seconds. */
function upToLastFault(ids: unknown): unknown {
  if (!Array.isArray(ids)) return ids;
  let faults = 0;
  const end = ids.findIndex((id) => !isMessageId(id) && ++faults === MAX_FAULTS);
  return end < 0 ? ids : ids.slice(0, end + 1);
}

function fieldFaults(body: Body): { fields?: Fields; faults: Fault[] } {
  const parsed = incomingFields.safeParse({
    ...body,
    message_ids: upToLastFault(body.message_ids),
  });
  if (parsed.success) return { fields: parsed.data, faults: [] };
  const { issues } = parsed.error;
  return { faults: issues.map(({ path, message }) => ({ path: path.join('.'), message })) };
}

interface Account {
  fingerprint: string;
  /** Null if only the fingerprint was given. */
  mask: string | null;
  /** Only for redaction. Nothing that is stored or sent contains it. */
  credential: string | null;
}

function readCredential(value: unknown): string | undefined {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && CREDENTIAL_PATTERN.test(text) ? text : undefined;
}

/** Finds the account of a message by the channel's own credential field, by the fingerprint, or by both. */
function checkCredential(body: Body, channel: Channel): { account?: Account; faults: Fault[] } {
  const ownField = CHANNELS[channel].credentialField;
  const faults: Fault[] = CREDENTIAL_FIELDS.filter(
    (field) => field !== ownField && (body[field] ?? null) !== null,
  ).map((path) => ({ path, message: `is not a field of ${channel}, whose own is ${ownField}` }));

  const given = body[ownField] ?? null;
  const print = body.account_fingerprint ?? null;
  const credential = given === null ? null : readCredential(given);
  if (given === null && print === null) faults.push({ path: ownField, message: 'is required' });
  if (credential === undefined) {
    faults.push({
      path: ownField,
      message: 'must be a string of 1 to 256 characters without white space, or a safe integer',
    });
  }
  if (print !== null && !(typeof print === 'string' && FINGERPRINT_PATTERN.test(print))) {
    faults.push({ path: 'account_fingerprint', message: 'must be a lower-case hex SHA-256' });
  }
  if (faults.length > 0 || credential === undefined) return { faults };

  const fingerprint = credential === null ? String(print) : fingerprintOf(credential);
  if (print !== null && print !== fingerprint) {
    return { faults: [{ path: 'account_fingerprint', message: `does not belong to ${ownField}` }] };
  }
  const mask = credential === null ? null : maskCredential(credential);
  return { account: { fingerprint, mask, credential }, faults };
}

/** Rules that need more than one field. They are checked in any case, so that the answer names all faults. */
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

/** Paths show keys, and a key may contain a credential. */
function createKeyRedaction(body: Body): (key: string) => string {
  const secrets = SECRET_FIELDS.map((field) => body[field] ?? '')
    .filter((value) => typeof value === 'number' || typeof value === 'string')
    .map(String)
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH);
  const redacted = new Map<string, string>();
  return (key) => {
    const known = redacted.get(key);
    if (known !== undefined) return known;
    const shown = secrets.reduce((rest, secret) => withoutCredential(rest, secret) as string, key);
    redacted.set(key, shown);
    return shown;
  };
}

function mediaFaults({ text }: FreeJson): Fault[] {
  if (text === null || Buffer.byteLength(text) <= MAX_MEDIA_BYTES) return [];
  return [{ path: 'media', message: `must be at most ${MAX_MEDIA_BYTES} bytes of JSON` }];
}

/** Distinguishes a duplicate from a conflict: the same message ids with another text or media. */
function contentHashOf(text: string | null, media: unknown): string {
  const content = writeExactJson([text ?? '', inKeyOrder(media ?? null)]);
  return hash('sha256', content, 'hex');
}

const FLAGS = ['is_new_client', 'is_new_dialog'];

/** Core trusts the flags in `meta`, so a sender's fields of these names are removed. */
function metaWithoutFlags(meta: Fields['meta']): unknown {
  if (meta === undefined) return null;
  // Copying twenty thousand keys would take longer than all other steps.
  if (!FLAGS.some((flag) => Object.hasOwn(meta, flag))) return meta;
  const { is_new_client: _client, is_new_dialog: _dialog, ...rest } = meta;
  return rest;
}

function toMessage(
  fields: Fields,
  account: Account,
  media: FreeJson,
  { receivedAt, timezone }: { receivedAt: Date; timezone: string },
): IncomingMessage {
  const { channel, external_chat_id: externalChatId } = fields;
  const messageIds = fields.message_ids ?? [fields.message_id ?? ''];
  const text = fields.text ?? null;
  const timestamp = fields.timestamp ?? receivedAt.toISOString();
  const { fingerprint, mask } = account;
  return {
    messageId: messageIdOf({ channel, fingerprint, externalChatId, messageIds }),
    contentHash: contentHashOf(text, media.value),
    traceId: fields.trace_id ?? uuidv7(),
    channel,
    fingerprint,
    mask,
    externalChatId,
    externalUserId: fields.external_user_id ?? null,
    clientName: fields.client_name ?? null,
    clientPhone: fields.client_phone ?? null,
    phoneVerified: fields.phone_verified ?? false,
    clientUsername: fields.client_username ?? null,
    text,
    timestamp,
    writtenAtMs: instantOf(timestamp, timezone) ?? null,
    messageIds,
    media: media.text,
    meta: freeJson(metaWithoutFlags(fields.meta), account.credential).text,
    receivedAt: receivedAt.toISOString(),
  };
}

/** Checks a body as it was received, and reports all faults. A time without an offset is read in `timezone`. */
export function checkIncoming(
  body: unknown,
  receivedAt: Date = new Date(),
  timezone = 'UTC',
): Checked {
  if (!isBody(body)) return { ok: false, faults: [{ path: '', message: 'must be a JSON object' }] };
  const known = knownFields(body);
  const { usable, faults: found } = inspect(known, {
    shown: createKeyRedaction(known),
    maxKeys: MAX_KEYS,
  });
  const { fields, faults } = fieldFaults(known);
  const channel = incomingFields.shape.channel.safeParse(body.channel);
  const credential = channel.success ? checkCredential(body, channel.data) : { faults: [] };
  const media = freeJson(usable.media, credential.account?.credential);
  const all = [
    ...found,
    ...faults,
    ...credential.faults,
    ...faultsBetweenFields(body),
    ...mediaFaults(media),
  ];
  if (all.length > 0 || fields === undefined || credential.account === undefined) {
    return { ok: false, faults: all.slice(0, MAX_FAULTS) };
  }
  const message = toMessage(fields, credential.account, media, { receivedAt, timezone });
  const traceParent = parseTraceparent(body.traceparent);
  return { ok: true, message: traceParent === undefined ? message : { ...message, traceParent } };
}
