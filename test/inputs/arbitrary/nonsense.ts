import fc from 'fast-check';
import { anyJson, type Json, quoted, written } from './json.ts';
import { asJson, type Fields } from './message.ts';

const FIELDS = [
  ...['channel', 'bot_token', 'profile_id', 'group_id', 'user_id', 'bot_id', 'account_fingerprint'],
  ...['external_chat_id', 'external_user_id', 'client_name', 'client_phone', 'client_username'],
  ...['text', 'timestamp', 'message_ids', 'message_id', 'trace_id', 'traceparent', 'media', 'meta'],
  ...['tenant_id', '__proto__', 'constructor', 'v', 'message', 'unreadable', 'faults'],
];

/** Bytes that may confuse a parser. */
const SHARDS = [
  ...['{', '}', '[', ']', '"', ',', ':', '\\', '\0', '\n', '\ufeff', '\\u0000', '\\ud800', '-0'],
  ...['01', '1e999', 'NaN', 'null', '"__proto__":', '9007199254740993', '\xff'],
];

/** Changes of the fields of a message. */
type Change =
  | { set: string; to: Json }
  | { drop: string }
  | { copy: string; into: string }
  | { nest: string; levels: number }
  | { swallow: true };

/** Changes of bytes. A place is a share of their length. */
type Spoil = { cutAt: number } | { byteAt: number; is: number } | { at: number; insert: string };

/** An input in place of a valid message, made from it or from nothing. */
export type Nonsense =
  | { changes: Change[]; spoils: Spoil[] }
  | { bytes: number[] }
  | { json: Json };

const anyField = fc.constantFrom(...FIELDS);

/** Fields that are not searched for credentials: they keep the text of the sender. */
const isFree = (field: string) =>
  /^(external_|client_|text|message_id|trace_id|timestamp|channel)/.test(field);

/** Texts that no valid message has: with lone surrogates, and U+0000. */
const badText: fc.Arbitrary<Json> = fc
  .array(fc.constantFrom('\\u0000', '\\ud800', '\\udfff', 'a', ' ', '\\n'), { maxLength: 6 })
  .map((parts) => `"${parts.join('')}"`);

const anyValue = fc.oneof(anyJson({ equalKeys: true }), badText, fc.constantFrom('""', '{}', '[]'));

const anyChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ set: anyField, to: anyValue }) },
  fc.constant({ set: 'v', to: '1' }),
  fc.record({ drop: anyField }),
  fc
    .record({ copy: anyField, into: anyField })
    .filter(({ copy, into }) => copy !== 'bot_token' || !isFree(into)),
  fc.record({ nest: anyField, levels: fc.integer({ min: 1, max: 400 }) }),
  fc.constant({ swallow: true } as const),
);

const place = fc.double({ min: 0, max: 1, noNaN: true });

const anySpoil: fc.Arbitrary<Spoil> = fc.oneof(
  fc.record({ cutAt: place }),
  fc.record({ byteAt: place, is: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ at: place, insert: fc.constantFrom(...SHARDS) }),
);

const anyChanges = fc.array(anyChange, { maxLength: 3 });

export const anyNonsense: fc.Arbitrary<Nonsense> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ changes: anyChanges, spoils: fc.array(anySpoil, { maxLength: 2 }) }),
  },
  fc.record({ bytes: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 200 }) }),
  fc.record({ json: anyValue }),
);

/** For transports that carry only JSON. */
export const anyJsonNonsense: fc.Arbitrary<Nonsense> = fc.oneof(
  { weight: 4, arbitrary: anyChanges.map((changes) => ({ changes, spoils: [] })) },
  fc.record({ json: anyValue }),
);

export const anySpoils = fc.array(anySpoil, { minLength: 1, maxLength: 3 });

function changed(fields: Fields, change: Change): Fields {
  if ('set' in change) return { ...fields, [change.set]: change.to };
  if ('copy' in change) {
    const value = Object.hasOwn(fields, change.copy) ? fields[change.copy] : undefined;
    return { ...fields, [change.into]: value ?? 'null' };
  }
  if ('nest' in change) {
    const { nest, levels } = change;
    return { ...fields, [nest]: `${'['.repeat(levels)}${']'.repeat(levels)}` };
  }
  // A whole message in place of a field.
  if ('swallow' in change)
    return { media: asJson(fields), message: quoted(written(asJson(fields))) };
  return Object.fromEntries(Object.entries(fields).filter(([field]) => field !== change.drop));
}

function spoilt(bytes: Buffer, spoil: Spoil): Buffer {
  if ('cutAt' in spoil) return bytes.subarray(0, spoil.cutAt * bytes.length);
  if ('byteAt' in spoil) {
    const copy = Buffer.from(bytes);
    copy[Math.floor(spoil.byteAt * copy.length)] = spoil.is;
    return copy;
  }
  const at = Math.floor(spoil.at * bytes.length);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(spoil.insert), bytes.subarray(at)]);
}

export const allSpoilt = (bytes: Buffer, spoils: readonly Spoil[]): Buffer =>
  spoils.reduce(spoilt, bytes);

export function nonsenseFrom(nonsense: Nonsense, valid: Fields): Buffer {
  if ('bytes' in nonsense) return Buffer.from(nonsense.bytes);
  if ('json' in nonsense) return Buffer.from(written(nonsense.json));
  const fields = nonsense.changes.reduce(changed, valid);
  return allSpoilt(Buffer.from(written(asJson(fields))), nonsense.spoils);
}

const HEADERS = [
  ...['accept', 'authorization', 'content-encoding', 'content-type', 'cookie', 'forwarded', 'host'],
  ...['idempotency-key', 'if-none-match', 'origin', 'prefer', 'range', 'referer', 'traceparent'],
  ...['tracestate', 'user-agent', 'x-forwarded-for', 'x-http-method-override', 'x-request-id'],
];

/** Any headers that an HTTP library sends, also with the credential. */
export const anyHeaders: fc.Arbitrary<Record<string, string>> = fc.dictionary(
  fc.constantFrom(...HEADERS),
  fc.oneof(
    fc.stringMatching(/^[\t -~\u0080-\u00ff]{0,60}$/),
    fc.constantFrom(
      'Bearer {token}',
      'gzip',
      'application/json',
      'wait=1;x, y',
      'bytes=0-1',
      '*/*',
    ),
  ),
  { maxKeys: 4, noNullPrototype: true },
);

const segment = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map(encodeURIComponent),
  fc.constantFrom('..', '%', '%00', '%ff', '', '{token}', 'x'.repeat(3000)),
);

const PATHS = [
  ...['', '/resolve', '/messages', '/dlq', '/health', '/docs', '/admin/queues', '/metrics'],
  ...['/livez', '/readyz', '/openapi.json'],
];
const QUERIES = ['limit', 'cursor', 'reason', 'tenant_id', 'trace_id', 'before', 'x'];

/** Any path, known or not, with any query. */
export const anyPath: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...PATHS),
    fc.array(segment, { maxLength: 3 }),
    fc.array(fc.tuple(fc.constantFrom(...QUERIES), segment), { maxLength: 3 }),
  )
  .map(([known, rest, query]) => {
    const path = [known, ...rest].join('/') || '/';
    const pairs = query.map((pair) => pair.join('='));
    return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
  });
