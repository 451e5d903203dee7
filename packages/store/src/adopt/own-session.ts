import type { Pool, PoolClient } from '../pool.ts';
import { withClient } from '../transaction.ts';

async function prepare(client: PoolClient): Promise<number> {
  await client.query(
    `set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;
     set contour.adopting = 'on'`,
  );
  // Not on every platform: without it a killed run's last statement goes on to its end.
  await client.query("set client_connection_check_interval = '1s'").catch(() => undefined);
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

/**
 * Lends a connection whose settings are for nobody else: they end with the work. When the signal fires,
 * the server ends the session, whatever it is doing, and with it go its locks. Not just the statement: a
 * cancelled one would have us take away half an index, and wait for others once more.
 */
export async function withOwnSession<T>(
  pool: Pool,
  signal: AbortSignal | undefined,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  return withClient(pool, async (client) => {
    const pid = await prepare(client);
    const end = () => void pool.query('select pg_terminate_backend($1)', [pid]).catch(() => {});
    signal?.addEventListener('abort', end, { once: true });
    try {
      signal?.throwIfAborted();
      return await work(client);
    } catch (error) {
      // What its end made fail is not what went wrong.
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', end);
      await client.query('discard all').catch(() => undefined);
    }
  });
}
