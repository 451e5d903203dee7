import { usePool } from './outside-pool.ts';
import { waitFor } from './wait-for.ts';

/** What test files make once for all of them: the server's number for whoever is making it. */
export const TURNS = { template: 910_311, python: 910_312 };

/** Works while nobody else does under this number: what one file has made, the next one finds. */
export function takeTurns<T>(serverUrl: string, turn: number, work: () => Promise<T>): Promise<T> {
  return usePool(serverUrl, async (pool) => {
    // Held by one connection, which an idle pool would close, and with it the lock.
    const client = await pool.connect();
    try {
      const isOurs = async () => {
        const { rows } = await client.query('select pg_try_advisory_lock($1) as ours', [turn]);
        return rows[0]?.ours === true;
      };
      await waitFor('its turn', isOurs, { deadlineMs: 300_000, everyMs: 50 });
      return await work();
    } finally {
      client.release(true);
    }
  });
}
