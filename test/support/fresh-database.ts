import { randomUUID } from 'node:crypto';
import { migrate } from '@contour/store';
import { databaseUrl, openPool, type Pool, usePool } from './outside-pool.ts';
import { TURNS, takeTurns } from './take-turns.ts';

const TEMPLATE = 'contour_template';

export interface Database {
  url: string;
  pool: Pool;
  drop(): Promise<void>;
}

async function hasTemplate(server: Pool): Promise<boolean> {
  const { rows } = await server.query('select 1 from pg_database where datname = $1', [TEMPLATE]);
  return rows.length > 0;
}

/** A migrated database to copy from, made once per server: copying is faster than migrating. */
async function makeTemplate(server: Pool, serverUrl: string): Promise<void> {
  if (await hasTemplate(server)) return; // another file has made it meanwhile
  // Renamed when it is complete, so that no file copies half a template.
  const draft = `${TEMPLATE}_${randomUUID().slice(0, 8)}`;
  await server.query(`create database "${draft}"`);
  await usePool(databaseUrl(serverUrl, draft), (fresh) => migrate(fresh));
  await server.query(`alter database "${draft}" rename to "${TEMPLATE}"`);
}

/** A new database with all tables, empty. */
export async function createDatabase(serverUrl: string): Promise<Database> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await usePool(serverUrl, async (server) => {
    if (!(await hasTemplate(server))) {
      await takeTurns(serverUrl, TURNS.template, () => makeTemplate(server, serverUrl));
    }
    await server.query(`create database "${name}" template "${TEMPLATE}"`);
  });
  const url = databaseUrl(serverUrl, name);
  const pool = openPool(url);
  // In the graph that many tests share, each database needs an id of its own.
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
