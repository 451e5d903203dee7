import { LostRace } from './lost-race.ts';
import type { Pool, PoolClient } from './pool.ts';
import { asAppError, sqlState } from './sql-error.ts';

/**
 * A dedicated connection for the work. One that broke is not given to anybody else, and neither is one
 * that the work gave up on without a word from the server: an answer may still be on its way there.
 */
export async function withClient<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw asAppError(error);
  });
  let broken: Error | undefined;
  const noteBroken = (error: Error) => {
    broken = error;
  };
  client.on('error', noteBroken);
  try {
    return await work(client);
  } catch (error) {
    if (sqlState(error) === '' && !(error instanceof LostRace)) broken ??= error as Error;
    throw error;
  } finally {
    client.off('error', noteBroken);
    client.release(broken);
  }
}

/**
 * Commits what the work did, or nothing. When the rollback fails too, the connection is closed:
 * the server then rolls back by itself, and no other work can find itself inside this one.
 */
export async function inTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  try {
    await client.query('begin');
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => client.end().catch(() => undefined));
    throw error;
  }
}
