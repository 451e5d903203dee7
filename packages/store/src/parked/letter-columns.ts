import { type DlqEntry, isUuid } from '@contour/contract';
import { columns } from '../statement.ts';

/** An entry to be parked. */
export interface Letter {
  entry: DlqEntry;
  /** Whether the sender was told that the message was not accepted. */
  wasRefused: boolean;
}

const MAX_TEXT_LENGTH = 4_000;
/** The longest trace id. An index takes no entry of more than 2 704 bytes. */
const MAX_INDEXED_LENGTH = 128;
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** A text for a column. Postgres cannot store U+0000. */
export const storable = (text: string): string =>
  text.replaceAll('\0', '\\u0000').slice(0, MAX_TEXT_LENGTH);

const indexed = (text: string | undefined): string | null =>
  text === undefined || text === '' ? null : storable(text.slice(0, MAX_INDEXED_LENGTH));

const uuidOrNull = (text: string | null): string | null =>
  text !== null && isUuid(text) ? text : null;

/** A time that both Postgres and JavaScript can represent: a job of another service may contain any. */
function timeOf(text: string): string {
  const ms = Date.parse(text);
  return new Date(
    Number.isNaN(ms) ? Date.now() : Math.min(Math.max(ms, 0), LATEST_MS),
  ).toISOString();
}

const bodyOf = ({ message, raw }: DlqEntry): string | null =>
  message === null ? raw : JSON.stringify(message);

/** Whether the letter counts towards the bound of its account. */
export const isUnknown = ({ entry: { reason, message } }: Letter): boolean =>
  reason === 'unknown_tenant' && message !== null;

/** The columns of LETTERS. */
export function letterColumns(letters: readonly Letter[]): unknown[][] {
  return columns(
    letters,
    ({ entry }) => entry.id,
    ({ entry }) => entry.reason,
    ({ entry }) => uuidOrNull(entry.tenantId),
    ({ entry }) => entry.message?.channel ?? null,
    ({ entry }) => indexed(entry.message?.fingerprint),
    ({ entry }) => entry.message?.mask ?? null,
    ({ entry }) => indexed(entry.message?.traceId),
    ({ entry }) => storable(entry.error.code),
    ({ entry }) => storable(entry.error.message),
    ({ entry }) => entry.attempts,
    ({ entry }) => timeOf(entry.receivedAt),
    ({ entry }) => timeOf(entry.failedAt),
    ({ entry }) => bodyOf(entry),
    ({ entry }) => Buffer.byteLength(bodyOf(entry) ?? ''),
    ({ wasRefused }) => wasRefused,
  );
}

/** SQL for the letters as rows, from the parameters $1 to $15. */
export const LETTERS = `unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::int[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::int[], $15::boolean[])
  with ordinality as l(id, reason, tenant_id, channel, fingerprint, mask, trace_id, error_code, error_message,
    attempts, received_at, failed_at, body, bytes, was_refused, place)`;

const NON_ASCII = /[\u0080-\uffff]/g;
const ascii = (text: string): string =>
  text.replace(NON_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The same in ASCII, for a database whose encoding lacks these characters. */
export function asciiColumns(letter: Letter): unknown[][] {
  return letterColumns([letter]).map((column) =>
    column.map((value) => (typeof value === 'string' ? ascii(value) : value)),
  );
}
