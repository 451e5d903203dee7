import { type Database, type Queryable, withTransaction } from '../database/database.ts';
import { isDataError, restarting } from '../database/errors.ts';
import { namedStatement, statement } from '../database/statement.ts';
import {
  asciiColumns,
  isUnknown,
  LETTER_PARAMS,
  LETTERS,
  type Letter,
  letterColumns,
} from './letter-columns.ts';

export type Parking = 'parked' | 'over_allowance';

/** A bound by count and bytes. */
export interface Allowance {
  count: number;
  bytes: number;
}

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
const writeLetters = namedStatement<{ id: string }>('park')(
  { ...LETTER_PARAMS, max_count: 'int', max_bytes: 'bigint', only_newer: 'boolean' },
  `with letters as (
     select l.*, l.reason = 'unknown_tenant' and l.fingerprint is not null and k.id is null as takes_room
       from ${LETTERS} left join parked k on k.id = l.id
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
   select id from fitting`,
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
    const { message, raw } = letter.entry;
    const size = raw?.length ?? JSON.stringify(message).length;
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

interface Manner {
  room: Allowance;
  /** Leaves a newer row as it is. */
  onlyNewer: boolean;
}

/** The bound of an account is exact, so one transaction at a time parks for it. Other parking takes no lock. */
async function write(
  db: Database,
  letters: readonly Letter[],
  { room, onlyNewer }: Manner,
  letterValues = letterColumns(letters),
): Promise<string[]> {
  const bound = { max_count: room.count, max_bytes: room.bytes, only_newer: onlyNewer };
  const values = { ...letterValues, ...bound };
  const work = async (on: Queryable) => (await writeLetters(on, values)).map(({ id }) => id);
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
async function writeChunk(db: Database, chunk: Letter[], manner: Manner): Promise<string[]> {
  try {
    return await write(db, chunk, manner);
  } catch (error) {
    const [only] = chunk;
    if (!isDataError(error) || only === undefined) throw error;
    if (chunk.length === 1) return write(db, chunk, manner, asciiColumns(only));
    const written: string[] = [];
    for (const one of chunk) written.push(...(await writeChunk(db, [one], manner)));
    return written;
  }
}

async function writeAll(
  db: Database,
  letters: readonly Letter[],
  manner: Manner,
): Promise<Set<string>> {
  const written = new Set<string>();
  for (const chunk of chunksOf(newestOfEach(letters))) {
    for (const id of await writeChunk(db, chunk, manner)) written.add(id);
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
  const written = await writeAll(db, letters, { room, onlyNewer: false });
  return letters.map(({ entry }) => (written.has(entry.id) ? 'parked' : 'over_allowance'));
}

const ANY_ROOM = { count: 2 ** 31 - 1, bytes: Number.MAX_SAFE_INTEGER };

/** Parks entries that an earlier version parked in Redis, without a bound. Newer rows stay. */
export async function parkFormer(db: Database, letters: readonly Letter[]): Promise<void> {
  await writeAll(db, letters, { room: ANY_ROOM, onlyNewer: true });
}
