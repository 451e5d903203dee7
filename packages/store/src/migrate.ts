import { readdir, readFile } from 'node:fs/promises';
import type { Pool, PoolClient } from './pool.ts';
import { inTransaction, withClient } from './transaction.ts';

const FOLDER = new URL('../migrations/', import.meta.url);

// Any constant that nobody else uses: whoever migrates this database waits here for its turn.
const ADVISORY_LOCK = 4_712_008_117;

async function migrationNames(): Promise<string[]> {
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

async function applyOne(client: PoolClient, name: string): Promise<void> {
  const sql = await readFile(new URL(name, FOLDER), 'utf8');
  await inTransaction(client, async () => {
    await client.query(sql);
    await client.query('insert into contour_migrations (name) values ($1)', [name]);
  });
}

/** Brings the schema up to date, forward only; safe to run from several places at once. */
export async function migrate(
  pool: Pool,
  { onApply }: { onApply?: (name: string) => void } = {},
): Promise<string[]> {
  return withClient(pool, async (client) => {
    // Another migration may be long: waiting for it is right, and so is a long one of our own.
    await client.query('set statement_timeout = 0');
    await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
    try {
      await client.query(
        `create table if not exists contour_migrations (
           name text primary key, applied_at timestamptz not null default now())`,
      );
      const missing = await missingNames(client);
      for (const name of missing) {
        onApply?.(name);
        await applyOne(client, name);
      }
      return missing;
    } finally {
      await client.query('select pg_advisory_unlock($1)', [ADVISORY_LOCK]);
      await client.query('reset statement_timeout');
    }
  });
}
