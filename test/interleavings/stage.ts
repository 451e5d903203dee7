import { inject } from 'vitest';
import { createDatabase } from '../support/fresh-database.ts';
import { openAsStore, type Pool } from '../support/outside-pool.ts';
import { addTestTenant, type TestTenant } from '../support/tenants.ts';
import type { Table } from './play.ts';
import { createSeat, type Seat } from './seat.ts';

/** A database with a tenant, and seats whose connections stay open between runs. */
export interface Stage {
  pool: Pool;
  tenant: TestTenant;
  table: Table;
  /** Deletes all rows except the tenant's own. */
  wipe(): Promise<void>;
  close(): Promise<void>;
}

/** Changes of the product: of the tables, and of each statement that contains `find`. */
export interface Sabotage {
  ddl?: string;
  find?: string;
  replace?: string;
}

// No statement here waits for a clock. Postgres looks for deadlocks at once, so that the participant that
// closes a circle is the one that starts again. A longer wait is a wait for another participant.
const SEATED = '-c deadlock_timeout=1ms';

const SESSION = {
  statement_timeout: '60000',
  query_timeout: '60000',
  idle_in_transaction_session_timeout: '60000',
};

const WAITING = `
  select l.pid from pg_locks l
   where l.pid = any($1) and not l.granted and l.waitstart < clock_timestamp() - interval '2 ms'
     and pg_blocking_pids(l.pid) && $1`;

const WIPE = ['lanes', 'messages', 'dialogs', 'client_channels', 'clients']
  .map((table) => `delete from ${table}`)
  .join('; ');

// As a replica: without the triggers that note each deletion for the graph. On a separate connection,
// because the switch discards its plans.
const AS_REPLICA = '-c session_replication_role=replica';

function openPool(url: string, options: string): Pool {
  const session = new URL(url);
  for (const [name, value] of Object.entries({ ...SESSION, options })) {
    session.searchParams.set(name, value);
  }
  const onError = () => undefined; // the running statement fails with it
  return openAsStore({ url: session.href, applicationName: 'contour-test', max: 1, onError });
}

/** A signal that can be awaited repeatedly. */
function createBell() {
  let ring: (() => void) | undefined;
  return {
    ring: () => ring?.(),
    heard: (withinMs: number): Promise<boolean> =>
      new Promise((resolve) => {
        const end = (isHeard: boolean) => {
          clearTimeout(timer);
          ring = undefined;
          resolve(isHeard);
        };
        const timer = setTimeout(end, withinMs, false);
        ring = () => end(true);
      }),
  };
}

// The white space of a statement does not matter.
const flat = (text: string) => text.replaceAll(/\s+/g, ' ');

const rewriter =
  ({ find, replace = '' }: Sabotage) =>
  (text: string): string =>
    find === undefined ? text : flat(text).replace(flat(find), () => replace);

async function openSeat(pool: Pool, onChange: () => void, sabotage: Sabotage): Promise<Seat> {
  const client = await pool.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return createSeat(client, rows[0]?.pid ?? 0, onChange, rewriter(sabotage));
}

export async function openStage(seatCount: number, sabotage: Sabotage = {}): Promise<Stage> {
  const database = await createDatabase(inject('postgresUrl'));
  const { pool } = database;
  if (sabotage.ddl !== undefined) await pool.query(sabotage.ddl);
  const tenant = await addTestTenant(pool);
  const bell = createBell();
  const pools = Array.from({ length: seatCount }, () => openPool(database.url, SEATED));
  const cleaner = openPool(database.url, AS_REPLICA);
  const seats = await Promise.all(pools.map((own) => openSeat(own, bell.ring, sabotage)));
  const table: Table = {
    seats,
    changed: bell.heard,
    async waiting(pids) {
      const query = { name: 'waiting', text: WAITING, values: [pids] };
      const { rows } = await pool.query<{ pid: number }>(query);
      return new Set(rows.map(({ pid }) => pid));
    },
  };
  return {
    pool,
    tenant,
    table,
    async wipe() {
      await cleaner.query(WIPE);
    },
    close: () => database.drop(),
  };
}
