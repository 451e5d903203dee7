import { usePool } from './outside-pool.ts';
import { waitFor } from './wait-for.ts';

/** Things that one test file makes for all, each with the number of its advisory lock. */
export const TURNS = { template: 910_311, python: 910_312 };

/** Works while it holds the advisory lock with this number. */
export function takeTurns<T>(serverUrl: string, turn: number, work: () => Promise<T>): Promise<T> {
  return usePool(serverUrl, async (pool) => {
    // One connection holds the lock: the pool would close it when idle.
    const client = await pool.connect();
    try {
      const isOurs = async () => {
        const { rows } = await client.query('select pg_try_advisory_lock($1) as ours', [turn]);
        return rows[0]?.ours === true;
      };
      await waitFor('the advisory lock', isOurs, { deadlineMs: 300_000, everyMs: 50 });
      return await work();
    } finally {
      client.release(true);
    }
  });
}
