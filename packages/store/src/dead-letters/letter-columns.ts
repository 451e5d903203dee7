import { type DlqEntry, isUuid } from '@contour/contract';
import { columns, type Values } from '../database/statement.ts';

/** An entry to be parked. */
export interface Letter {
  entry: DlqEntry;
  /** Whether the sender was told that the message was not accepted. */
  wasRefused: boolean;
}

const MAX_TEXT_LENGTH = 4_000;
/** The longest trace id that is stored. An index takes no entry of more than 2 704 bytes. */
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

/** The parameters of a statement about letters. */
export const LETTER_PARAMS = {
  ids: 'uuid[]',
  reasons: 'text[]',
  tenant_ids: 'uuid[]',
  channels: 'text[]',
  fingerprints: 'text[]',
  masks: 'text[]',
  trace_ids: 'text[]',
  error_codes: 'text[]',
  error_messages: 'text[]',
  attempts: 'int[]',
  received_at: 'timestamptz[]',
  failed_at: 'timestamptz[]',
  bodies: 'text[]',
  bytes: 'int[]',
  was_refused: 'boolean[]',
} as const;

/** SQL for the letters as rows. */
export const LETTERS = `unnest(:ids, :reasons, :tenant_ids, :channels, :fingerprints, :masks, :trace_ids,
    :error_codes, :error_messages, :attempts, :received_at, :failed_at, :bodies, :bytes, :was_refused)
  with ordinality as l(id, reason, tenant_id, channel, fingerprint, mask, trace_id, error_code, error_message,
    attempts, received_at, failed_at, body, bytes, was_refused, place)`;

export const letterColumns = (letters: readonly Letter[]): Values<typeof LETTER_PARAMS> =>
  columns(letters, {
    ids: ({ entry }) => entry.id,
    reasons: ({ entry }) => entry.reason,
    tenant_ids: ({ entry }) => uuidOrNull(entry.tenantId),
    channels: ({ entry }) => entry.message?.channel ?? null,
    fingerprints: ({ entry }) => indexed(entry.message?.fingerprint),
    masks: ({ entry }) => entry.message?.mask ?? null,
    trace_ids: ({ entry }) => indexed(entry.message?.traceId),
    error_codes: ({ entry }) => storable(entry.error.code),
    error_messages: ({ entry }) => storable(entry.error.message),
    attempts: ({ entry }) => entry.attempts,
    received_at: ({ entry }) => timeOf(entry.receivedAt),
    failed_at: ({ entry }) => timeOf(entry.failedAt),
    bodies: ({ entry }) => bodyOf(entry),
    bytes: ({ entry }) => Buffer.byteLength(bodyOf(entry) ?? ''),
    was_refused: ({ wasRefused }) => wasRefused,
  });

const NON_ASCII = /[\u0080-\uffff]/g;
const ascii = (value: unknown): unknown =>
  typeof value === 'string'
    ? value.replace(NON_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : value;

/** The same in ASCII, for a database whose encoding lacks these characters. */
export function asciiColumns(letter: Letter): Values<typeof LETTER_PARAMS> {
  const all = Object.entries(letterColumns([letter])).map(([name, values]) => [
    name,
    values.map(ascii),
  ]);
  return Object.fromEntries(all);
}
