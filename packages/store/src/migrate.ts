import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createIndex } from './ddl/create-index.ts';
import { readIndexStatement } from './ddl/index-statement.ts';
import { splitSql } from './ddl/split-sql.ts';
import { takeTurn } from './ddl/take-turn.ts';
import type { Pool, PoolClient } from './pool.ts';
import { sqlState } from './sql-error.ts';
import { inTransaction, withClient } from './transaction.ts';

const FOLDER = new URL('../migrations/', import.meta.url);

/** It makes the tables that another system may have made before. */
export const FIRST_MIGRATION = '0001_tables.sql';

const LOCK_NOT_AVAILABLE = '55P03';

// Any constant that nobody else uses: whoever migrates this database waits here for its turn.
const ADVISORY_LOCK = 4_712_008_117;

/**
 * With this a migration begins that makes indexes CONCURRENTLY, as one has to where others write, and as no
 * transaction may. Its statements run one by one; cut off, it begins again: each may be run twice.
 */
const OUTSIDE = '-- outside a transaction';

/** All migrations, in the order in which they are applied. */
export async function migrationNames(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files.filter((file) => file.endsWith('.sql')).sort();
}

async function appliedNames(db: Pool | PoolClient): Promise<Set<string>> {
  const known = await db.query("select to_regclass('contour_migrations') is not null as there");
  if (known.rows[0]?.there !== true) return new Set();
  const applied = await db.query<{ name: string }>('select name from contour_migrations');
  return new Set(applied.rows.map((row) => row.name));
}

async function missingNames(db: Pool | PoolClient): Promise<string[]> {
  const applied = await appliedNames(db);
  return (await migrationNames()).filter((name) => !applied.has(name));
}

/** What `migrate` would apply. */
export async function pendingMigrations(pool: Pool): Promise<string[]> {
  return missingNames(pool);
}

export const readMigration = (name: string): Promise<string> =>
  readFile(new URL(name, FOLDER), 'utf8');

/** Whoever waits for a table's lock makes everybody wait who comes later: not for long, and then again. */
const LOCK_TIMEOUT_MS = 2_000;
const MAX_TRIES = 30;
const REST_MS = 1_000;

async function applyOnce(client: PoolClient, name: string, sql: string): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query(sql);
    await client.query('insert into contour_migrations (name) values ($1)', [name]);
  });
}

/** An index that was cut off midway is there, but not valid: it is dropped and made anew. */
async function applyOutside(client: PoolClient, name: string, sql: string): Promise<void> {
  for (const statement of splitSql(sql)) {
    await (readIndexStatement(statement)
      ? createIndex(client, statement)
      : client.query(statement));
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
        const reason = `${name}: somebody holds a lock on a table of ours, and does not let go`;
        throw new Error(`${reason}; run it again when that transaction has ended`, {
          cause: error,
        });
      }
      await delay(REST_MS);
    }
  }
}

const MAKE_LOG = `create table if not exists contour_migrations (
  name text primary key, applied_at timestamptz not null default now())`;

/** Says that these have been applied, by whatever way: nobody will apply them again. */
export async function noteMigrations(client: PoolClient, names: readonly string[]): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(MAKE_LOG);
    await client.query(
      'insert into contour_migrations (name) select unnest($1::text[]) on conflict do nothing',
      [names],
    );
  });
}

/** The first migration makes tables that may be another system's already. */
async function refuseForeignTables(client: PoolClient): Promise<void> {
  const { rows } = await client.query(
    "select coalesce(to_regclass('clients'), to_regclass('tenants'), to_regclass('dialogs')) as table",
  );
  const found: string | null = rows[0]?.table ?? null;
  if (found === null) return;
  throw new Error(`the table ${found} is there already and not ours: see contour adopt --check`);
}

/** Brings the schema up to date, forward only; safe to run from several places at once. */
export async function migrate(
  pool: Pool,
  { onApply }: { onApply?: (name: string) => void } = {},
): Promise<string[]> {
  return withClient(pool, async (client) => {
    // Another migration may be long: waiting for it is right, and so is a long one of our own.
    await client.query('set statement_timeout = 0');
    await takeTurn(client, ADVISORY_LOCK);
    try {
      const missing = await missingNames(client);
      if (missing[0] === FIRST_MIGRATION) await refuseForeignTables(client);
      await client.query(MAKE_LOG);
      for (const name of missing) {
        onApply?.(name);
        await applyOne(client, name);
      }
      return missing;
    } finally {
      // A connection that was lost has let go of both by itself, and what it was lost by is thrown already.
      await client.query('select pg_advisory_unlock($1)', [ADVISORY_LOCK]).catch(() => undefined);
      await client.query('reset statement_timeout').catch(() => undefined);
    }
  });
}
