import { type DlqEntry, isUuid } from '@contour/contract';
import { type Database, type Queryable, withTransaction } from '../database/database.ts';
import { isDataError, restarting } from '../database/errors.ts';
import { namedStatement, type Rows, statement } from '../database/statement.ts';

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
const isUnknown = ({ entry: { reason, message } }: Letter): boolean =>
  reason === 'unknown_tenant' && message !== null;

const LETTERS: Rows<Letter> = {
  id: ['uuid', ({ entry }) => entry.id],
  reason: ['text', ({ entry }) => entry.reason],
  tenant_id: ['uuid', ({ entry }) => uuidOrNull(entry.tenantId)],
  channel: ['text', ({ entry }) => entry.message?.channel ?? null],
  fingerprint: ['text', ({ entry }) => indexed(entry.message?.fingerprint)],
  mask: ['text', ({ entry }) => entry.message?.mask ?? null],
  trace_id: ['text', ({ entry }) => indexed(entry.message?.traceId)],
  error_code: ['text', ({ entry }) => storable(entry.error.code)],
  error_message: ['text', ({ entry }) => storable(entry.error.message)],
  attempts: ['int', ({ entry }) => entry.attempts],
  received_at: ['timestamptz', ({ entry }) => timeOf(entry.receivedAt)],
  failed_at: ['timestamptz', ({ entry }) => timeOf(entry.failedAt)],
  body: ['text', ({ entry }) => bodyOf(entry)],
  bytes: ['int', ({ entry }) => Buffer.byteLength(bodyOf(entry) ?? '')],
  was_refused: ['boolean', ({ wasRefused }) => wasRefused],
};

const NON_ASCII = /[\u0080-\uffff]/g;
const ascii = (value: unknown): unknown =>
  typeof value === 'string'
    ? value.replace(NON_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : value;

/** The same in ASCII, for a database whose encoding lacks these characters. */
const IN_ASCII = Object.fromEntries(
  Object.entries(LETTERS).map(([name, [type, read]]) => [
    name,
    [type, (letter: Letter) => ascii(read(letter))],
  ]),
) as typeof LETTERS;

export type Parking = 'parked' | 'over_allowance';

/** A bound by count and bytes. */
export interface Allowance {
  count: number;
  bytes: number;
}

const ANY_ROOM = { count: 2 ** 31 - 1, bytes: Number.MAX_SAFE_INTEGER };

const MAX_LETTERS = 100;
const MAX_BYTES = 4 * 1024 * 1024;

// A constant that no other lock of this database uses.
const LOCK_CLASS = 4_712;

const lockAccounts = statement(
  'lock_parked_accounts',
  `select pg_advisory_xact_lock(${LOCK_CLASS}, key)
     from (select distinct hashtext(fingerprint) as key from unnest($1::text[]) as q(fingerprint)
            order by 1) keys`,
);

// A bad copy never replaces the row of a dead message, which is needed to replay it. A row keeps its tenant: another
// tenant that gets the credential later must not get the message as well. A message that was accepted once never
// counts as refused. Rows are numbered in the order of arrival and locked in key order.
const PARK = `
  with letters as (
    select l.*, l.reason = 'unknown_tenant' and l.fingerprint is not null and k.id is null as takes_room
      from :letters l left join parked k on k.id = l.id
  ), taken as (
    select a.fingerprint, count(p.id) as n, coalesce(sum(p.bytes), 0) as bytes
      from (select distinct fingerprint from letters where takes_room) a
      left join parked p on p.fingerprint = a.fingerprint and p.reason = 'unknown_tenant'
     group by 1
  ), ranked as (
    select l.*, row_number() over same_account as nth, sum(l.bytes) over same_account as bytes_so_far
      from letters l
    window same_account as (partition by l.fingerprint, l.takes_room order by l.place)
  ), fitting as (
    select r.* from ranked r left join taken t on t.fingerprint = r.fingerprint
     where not r.takes_room
        or (t.n + r.nth <= :max_count and t.bytes + r.bytes_so_far <= :max_bytes)
  ), numbered as (
    select f.*, nextval('parked_versions') as seq from (select * from fitting order by place) f
  ), written as (
    insert into parked (id, seq, reason, stage, tenant_id, channel, fingerprint, mask, trace_id, error_code,
                        error_message, attempts, received_at, failed_at, body, bytes, waits, was_refused)
    select id, seq, reason, 'resolve', tenant_id, channel, fingerprint, mask, trace_id, error_code,
           error_message, attempts, received_at, failed_at, body, bytes,
           reason in ('unknown_tenant', 'tenant_disabled') and fingerprint is not null,
           was_refused and reason = 'unknown_tenant'
      from numbered order by id
    on conflict (id) do update
       set version = nextval('parked_versions'), reason = excluded.reason,
           tenant_id = coalesce(excluded.tenant_id, parked.tenant_id), channel = excluded.channel,
           fingerprint = excluded.fingerprint, mask = excluded.mask, trace_id = excluded.trace_id,
           error_code = excluded.error_code, error_message = excluded.error_message,
           attempts = excluded.attempts, received_at = excluded.received_at,
           failed_at = excluded.failed_at, body = excluded.body, bytes = excluded.bytes,
           waits = excluded.waits,
           was_refused = parked.was_refused and excluded.was_refused, indexed_at = null
     where parked.stage = 'resolve' and (not :only_newer or excluded.failed_at > parked.failed_at)
  )
  select id from fitting`;

const BOUND = { max_count: 'int', max_bytes: 'bigint', only_newer: 'boolean' } as const;
const writeLetters = namedStatement<{ id: string }>('park')({ letters: LETTERS, ...BOUND }, PARK);
const writeInAscii = namedStatement<{ id: string }>('park_in_ascii')(
  { letters: IN_ASCII, ...BOUND },
  PARK,
);

/** The newest letter of each message, because a statement may write a row only once. */
function newestOfEach(letters: readonly Letter[]): Letter[] {
  const byId = new Map<string, Letter>();
  for (const letter of letters) {
    const earlier = byId.get(letter.entry.id)?.entry.tenantId ?? null;
    const entry = { ...letter.entry, tenantId: letter.entry.tenantId ?? earlier };
    byId.set(entry.id, { ...letter, entry });
  }
  return [...byId.values()];
}

function* chunksOf(letters: readonly Letter[]): Generator<Letter[]> {
  let chunk: Letter[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const size = bodyOf(letter.entry)?.length ?? 0;
    if (chunk.length === MAX_LETTERS || (chunk.length > 0 && bytes + size > MAX_BYTES)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(letter);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

/**
 * The bound of an account is exact, so one transaction at a time parks for it. Other parking takes no lock. Entries of an
 * earlier version have no bound, and leave a newer row as it is.
 */
async function write(
  db: Database,
  letters: readonly Letter[],
  room: Allowance | 'former',
  writeRows = writeLetters,
): Promise<string[]> {
  const { count, bytes } = room === 'former' ? ANY_ROOM : room;
  const bound = { max_count: count, max_bytes: bytes, only_newer: room === 'former' };
  const work = async (on: Queryable) =>
    (await writeRows(on, { letters, ...bound })).map(({ id }) => id);
  const unknown = letters.filter(isUnknown).map(({ entry }) => entry.message?.fingerprint ?? '');
  return restarting(() => {
    if (unknown.length === 0) return work(db);
    return withTransaction(db, async (tx) => {
      await lockAccounts(tx, unknown);
      return work(tx);
    });
  });
}

/** Parks the other letters if the database refuses one. */
async function writeChunk(
  db: Database,
  chunk: readonly Letter[],
  room: Allowance | 'former',
): Promise<string[]> {
  try {
    return await write(db, chunk, room);
  } catch (error) {
    if (!isDataError(error)) throw error;
    if (chunk.length === 1) return write(db, chunk, room, writeInAscii);
    const written: string[] = [];
    for (const one of chunk) written.push(...(await writeChunk(db, [one], room)));
    return written;
  }
}

async function writeAll(
  db: Database,
  letters: readonly Letter[],
  room: Allowance | 'former',
): Promise<Set<string>> {
  const written = new Set<string>();
  for (const chunk of chunksOf(newestOfEach(letters))) {
    for (const id of await writeChunk(db, chunk, room)) written.add(id);
  }
  return written;
}

/**
 * Parks messages that could not be resolved. A message has one row: parking it again renews the row with the newest
 * reason and error. A message of an unknown account beyond its bound is not parked.
 */
export async function park(
  db: Database,
  letters: readonly Letter[],
  room: Allowance,
): Promise<Parking[]> {
  const written = await writeAll(db, letters, room);
  return letters.map(({ entry }) => (written.has(entry.id) ? 'parked' : 'over_allowance'));
}

/** Parks entries that an earlier version parked in Redis, without a bound. Newer rows stay. */
export const parkFormer = (db: Database, letters: readonly Letter[]) =>
  writeAll(db, letters, 'former');
