import { setTimeout as delay } from 'node:timers/promises';
import {
  inTransaction,
  type Pool,
  type PoolClient,
  run,
  sqlState,
  withClient,
} from '@contour/store';

async function prepare(client: PoolClient): Promise<number> {
  await client.query(
    `set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;
     set contour.adopting = 'on'`,
  );
  // Some platforms refuse it. Without it, the last statement of a killed run runs to its end.
  await client.query("set client_connection_check_interval = '1s'").catch(() => undefined);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

/**
 * Lends a connection whose settings end with the work. When the signal fires, the server ends the
 * session and frees its locks. Cancelling only the statement would not do: the work would then drop its
 * half-made index, and wait for other transactions once more.
 */
export async function withOwnSession<T>(
  pool: Pool,
  signal: AbortSignal | undefined,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  return withClient(pool, async (client) => {
    const pid = await prepare(client);
    const end = () => void run(pool, 'select pg_terminate_backend($1)', [pid]).catch(() => {});
    signal?.addEventListener('abort', end, { once: true });
    try {
      signal?.throwIfAborted();
      return await work(client);
    } catch (error) {
      // An error that the end of the session caused is reported as the abort.
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', end);
      await client.query('discard all').catch(() => undefined);
    }
  });
}

// All others queue behind a session that waits for an exclusive lock. So each wait is short, and the
// rest after it lets the others through.
const LOCK_TIMEOUT_MS = 150;
const REST_MS = 400;
const ATTEMPTS = 1_500;
const NOT_NOW = new Set(['55P03', '40P01']);

/** Runs short work that needs a strong lock. Tries for about ten minutes to get the lock. */
export async function withBriefLocks<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inTransaction(client, async () => {
        await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
        return work();
      });
    } catch (error) {
      if (!NOT_NOW.has(sqlState(error)) || attempt === ATTEMPTS) throw error;
      await delay(REST_MS * (0.5 + Math.random()));
    }
  }
}

export const runDdl = (client: PoolClient, sql: string): Promise<unknown> =>
  withBriefLocks(client, () => client.query(sql));
