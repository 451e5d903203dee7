import type { Database, PoolClient, Queryable, Transaction } from './database.ts';
import { poolBehind } from './database.ts';
import { asAppError, isLostRace, sqlState } from './errors.ts';

/**
 * Lends a connection to the work. A connection that broke is closed, and so is one on which the work failed without an
 * answer of the server: that answer may still arrive.
 */
export async function withClient<T>(
  db: Database,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await poolBehind(db)
    .connect()
    .catch((error: unknown) => {
      throw asAppError(error);
    });
  let broken: Error | undefined;
  const noteBroken = (error: Error) => {
    broken = error;
  };
  client.on('error', noteBroken);
  try {
    return await work(client as PoolClient);
  } catch (error) {
    if (sqlState(error) === '' && !isLostRace(error)) broken ??= error as Error;
    throw error;
  } finally {
    client.off('error', noteBroken);
    client.release(broken);
  }
}

/**
 * Commits what the work did, or nothing. If the rollback fails too, the connection is closed: then the server rolls
 * back, and no other work can run inside this transaction.
 */
export async function inTransaction<T>(
  client: PoolClient,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const control = (verb: string) =>
    client.query(verb).catch((error: unknown) => {
      throw asAppError(error);
    });
  try {
    await control('begin');
    const result = await work(client as Queryable as Transaction);
    await control('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => client.end().catch(() => undefined));
    throw error;
  }
}

/** Runs the work in one transaction: it commits when the work returns and rolls back when the work throws. */
export const withTransaction = <T>(
  db: Database,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> => withClient(db, (client) => inTransaction(client, work));
