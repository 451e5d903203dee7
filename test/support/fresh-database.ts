import { randomUUID } from 'node:crypto';
import { createPool, migrate, type Pool } from '@contour/store';

const TEMPLATE = 'contour_template';
/** Whoever makes the template holds this lock; the other test files wait for it. */
const TEMPLATE_LOCK = 910_311;
/** Whoever looks in from outside is known by it. */
const OUTSIDE = 'contour-test';

export interface Database {
  url: string;
  pool: Pool;
  drop(): Promise<void>;
}

/** A pool for looking in from outside; errors of its connections are part of many tests. */
export function openPool(url: string, max = 4): Pool {
  return createPool({
    url,
    applicationName: OUTSIDE,
    max,
    statementTimeoutMs: 60_000,
    onError: () => undefined,
  });
}

/** Cuts off everybody but those whom `openPool` serves; says how many. */
export async function terminateBackends(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name <> $1`,
    [OUTSIDE],
  );
  return rowCount ?? 0;
}

async function usePool<T>(url: string, use: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = openPool(url, 1);
  try {
    return await use(pool);
  } finally {
    await pool.end();
  }
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** A migrated database to copy from, made once per server: migrating costs more than copying. */
async function ensureTemplate(serverUrl: string): Promise<void> {
  await usePool(serverUrl, async (pool) => {
    await pool.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const found = await pool.query('select 1 from pg_database where datname = $1', [TEMPLATE]);
    if (found.rows.length === 0) {
      // Renamed only when it is complete, so that half a template is never copied.
      const draft = `${TEMPLATE}_${randomUUID().slice(0, 8)}`;
      await pool.query(`create database "${draft}"`);
      await usePool(urlOf(serverUrl, draft), (fresh) => migrate(fresh));
      await pool.query(`alter database "${draft}" rename to "${TEMPLATE}"`);
    }
    await pool.query('select pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  });
}

/** A database of one's own, with every table in place and nothing in it. */
export async function createDatabase(serverUrl: string): Promise<Database> {
  await ensureTemplate(serverUrl);
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await usePool(serverUrl, (pool) =>
    pool.query(`create database "${name}" template "${TEMPLATE}"`),
  );
  const url = urlOf(serverUrl, name);
  const pool = openPool(url);
  // A copy of a database would otherwise count as the same mirror, in a graph that many tests share.
  await pool.query('update graph_turns set mirror_id = gen_random_uuid()');
  return {
    url,
    pool,
    async drop() {
      await pool.end();
      await usePool(serverUrl, (server) => server.query(`drop database "${name}" with (force)`));
    },
  };
}
