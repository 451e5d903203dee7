import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@contour/contract';
import {
  type Database,
  inTransaction,
  type PoolClient,
  type Queryable,
  withClient,
} from '../database/database.ts';
import { sqlState, unexpected } from '../database/errors.ts';
import { run } from '../database/statement.ts';

// A statement ends at a semicolon outside comments, texts and $$ bodies.
const PIECE = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|(\$\w*\$)[\s\S]*?\1|;|[^;'$/-]+|[\s\S]/g;

/** The statements of a migration, without the comments between them. */
export function splitSql(sql: string): string[] {
  const statements: string[] = [];
  let current = '';
  const endStatement = () => {
    if (current.trim() !== '') statements.push(current.trim());
    current = '';
  };
  for (const [piece] of sql.matchAll(PIECE)) {
    if (piece.startsWith('--') || piece.startsWith('/*')) continue;
    if (piece === ';') endStatement();
    else current += piece;
  }
  endStatement();
  return statements;
}

const INDEX =
  /^create\s+(unique\s+)?index\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?(\w+)\s+on\s+(\w+)/i;

interface IndexStatement {
  name: string;
  table: string;
  /** Makes the same index without blocking writers. Has no `if not exists`, because an existing one may be invalid. */
  concurrently: string;
}

/** Parses a statement that makes an index, in any of the forms that migrations use. */
export function readIndexStatement(sql: string): IndexStatement | undefined {
  const [head, unique = '', name, table] = INDEX.exec(sql) ?? [];
  if (head === undefined || name === undefined || table === undefined) return undefined;
  const concurrently = `create ${unique}index concurrently ${name} on ${table}`;
  return { name, table, concurrently: concurrently + sql.slice(head.length) };
}

async function isValidIndex(client: PoolClient, name: string): Promise<boolean> {
  const sql = 'select from pg_index where indexrelid = to_regclass($1) and indisvalid';
  return (await run(client, sql, [name])).length > 0;
}

export const dropIndex = (client: PoolClient, name: string): Promise<unknown> =>
  run(client, `drop index concurrently if exists ${name}`);

const MAX_INDEX_TRIES = 20;

/**
 * Makes an index without blocking writers. An invalid index, which an interrupted run left behind, is dropped first. If a
 * unique index meets a duplicate that was inserted meanwhile, it calls `onDuplicate` and tries again.
 */
export async function createIndex(
  client: PoolClient,
  statement: string,
  onDuplicate?: () => Promise<void>,
): Promise<void> {
  const index = readIndexStatement(statement);
  if (index === undefined) throw unexpected(`not an index: ${statement}`);
  for (let attempt = 1; ; attempt += 1) {
    if (await isValidIndex(client, index.name)) return;
    await dropIndex(client, index.name);
    try {
      await run(client, index.concurrently);
      return;
    } catch (error) {
      // An invalid unique index still refuses rows. If this connection is lost, the next run drops it.
      await dropIndex(client, index.name).catch(() => undefined);
      const isDuplicate = sqlState(error) === '23505' && onDuplicate !== undefined;
      if (!(isDuplicate || sqlState(error) === '40P01') || attempt === MAX_INDEX_TRIES) throw error;
      await onDuplicate?.();
    }
  }
}

const PAUSE_MS = 100;

/**
 * Tries to get an advisory lock until it is held, or throws the refusal after this time. It polls: a session that waits
 * inside a statement has a snapshot, and CREATE INDEX CONCURRENTLY waits for all older snapshots, so the two would wait
 * for each other.
 */
export async function takeTurn(
  client: PoolClient,
  lock: number,
  { withinMs = Infinity, refusal = '' } = {},
): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const sql = 'select pg_try_advisory_lock($1) as is_mine';
    const [row] = await run<{ is_mine: boolean }>(client, sql, [lock]);
    if (row?.is_mine === true) return;
    if (Date.now() > giveUpAt) throw unexpected(refusal);
    await delay(PAUSE_MS);
  }
}

const FOLDER = new URL('../../migrations/', import.meta.url);

/** Makes the tables that another system may have made before. */
export const FIRST_MIGRATION = '0001_tables.sql';

const LOCK_NOT_AVAILABLE = '55P03';

// A constant that no other lock of this database uses. Each migration of this database waits for it.
const ADVISORY_LOCK = 4_712_008_117;

/**
 * A migration that makes indexes CONCURRENTLY begins with this line, because no transaction may do that. Its statements
 * run one by one. An interrupted migration begins again, so each statement must be repeatable.
 */
const OUTSIDE = '-- outside a transaction';

/** All migrations, in the order in which they are applied. */
export async function migrationNames(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files.filter((file) => file.endsWith('.sql')).sort();
}

async function appliedNames(db: Queryable): Promise<Set<string>> {
  const sql = "select to_regclass('contour_migrations') is not null as is_there";
  const [known] = await run<{ is_there: boolean }>(db, sql);
  if (known?.is_there !== true) return new Set();
  const applied = await run<{ name: string }>(db, 'select name from contour_migrations');
  return new Set(applied.map(({ name }) => name));
}

/** The migrations that `migrate` would apply. */
export async function pendingMigrations(db: Queryable): Promise<string[]> {
  const applied = await appliedNames(db);
  return (await migrationNames()).filter((name) => !applied.has(name));
}

export const readMigration = (name: string): Promise<string> =>
  readFile(new URL(name, FOLDER), 'utf8');

// A session that waits for a table's lock blocks all later ones. So it waits briefly, and then tries again.
const LOCK_TIMEOUT_MS = 2_000;
const MAX_TRIES = 30;
const REST_MS = 1_000;

async function applyOnce(client: PoolClient, name: string, sql: string): Promise<void> {
  await inTransaction(client, async (tx) => {
    await run(tx, `set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await run(tx, sql);
    await run(tx, 'insert into contour_migrations (name) values ($1)', [name]);
  });
}

async function applyOutside(client: PoolClient, name: string, sql: string): Promise<void> {
  for (const statement of splitSql(sql)) {
    if (readIndexStatement(statement)) await createIndex(client, statement);
    else await run(client, statement);
  }
  await noteMigrations(client, [name]);
}

async function applyOne(client: PoolClient, name: string): Promise<void> {
  const sql = await readMigration(name);
  if (sql.startsWith(OUTSIDE)) return applyOutside(client, name, sql);
  for (let tries = 1; ; tries += 1) {
    try {
      return await applyOnce(client, name, sql);
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      if (tries === MAX_TRIES) {
        const reason = `${name}: another session keeps a lock on one of these tables`;
        throw new AppError('postgres_busy', `${reason}. Run it again when that has ended.`, error);
      }
      await delay(REST_MS);
    }
  }
}

const MAKE_LOG = `create table if not exists contour_migrations (
  name text primary key, applied_at timestamptz not null default now())`;

/** Records that these migrations have been applied, so that `migrate` does not apply them. */
export async function noteMigrations(client: PoolClient, names: readonly string[]): Promise<void> {
  await inTransaction(client, async (tx) => {
    await run(tx, MAKE_LOG);
    await run(
      tx,
      'insert into contour_migrations (name) select unnest($1::text[]) on conflict do nothing',
      [names],
    );
  });
}

/** The first migration makes tables that another system may have made already. */
async function refuseForeignTables(client: PoolClient): Promise<void> {
  const [row] = await run<{ found: string | null }>(
    client,
    "select coalesce(to_regclass('clients'), to_regclass('tenants'), to_regclass('dialogs')) as found",
  );
  const found = row?.found ?? null;
  if (found !== null)
    throw unexpected(`The table ${found} belongs to another system: see contour adopt --check.`);
}

/** Brings the schema up to date, forward only. Several processes may run it at once. */
export async function migrate(
  db: Database,
  { onApply }: { onApply?: (name: string) => void } = {},
): Promise<string[]> {
  return withClient(db, async (client) => {
    // Another migration may take long, and so may this one.
    await run(client, 'set statement_timeout = 0');
    await takeTurn(client, ADVISORY_LOCK);
    try {
      const missing = await pendingMigrations(client);
      if (missing[0] === FIRST_MIGRATION) await refuseForeignTables(client);
      await run(client, MAKE_LOG);
      for (const name of missing) {
        onApply?.(name);
        await applyOne(client, name);
      }
      return missing;
    } finally {
      // If the connection was lost, the server has released both, and the error is thrown already.
      await run(client, 'select pg_advisory_unlock($1)', [ADVISORY_LOCK]).catch(() => undefined);
      await run(client, 'reset statement_timeout').catch(() => undefined);
    }
  });
}
