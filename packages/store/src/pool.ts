import pg from 'pg';
import { forgetPlans, preferLookups } from './plans.ts';

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

export interface PoolOptions {
  url: string;
  applicationName: string;
  max?: number;
  statementTimeoutMs?: number;
  /** How long a statement may wait for one lock. Without it, as long as the statement itself may take. */
  lockTimeoutMs?: number;
  connectTimeoutMs?: number;
  /** Nearly all that is asked over it are a few rows by their keys; the rest must not want a sequential scan. */
  isForLookups?: boolean;
  /** Called for errors of idle and of checked-out connections: unheard, they end the process. */
  onError: (error: Error) => void;
}

/**
 * A pool that gives up rather than hangs: a server that accepts and never answers costs seconds.
 * idle_in_transaction_session_timeout frees the row locks of a worker that was frozen mid-batch.
 */
export function createPool(options: PoolOptions): Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.max ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    statement_timeout: statementTimeoutMs,
    ...(options.lockTimeoutMs === undefined ? {} : { lock_timeout: options.lockTimeoutMs }),
    // The client's own bound, for a server that is too far gone to keep to its own.
    query_timeout: statementTimeoutMs + 2_000,
    idle_in_transaction_session_timeout: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    ...(options.isForLookups ? { onConnect: preferLookups } : {}),
  });
  pool.on('error', options.onError);
  pool.on('connect', (client) => client.on('error', options.onError));
  if (options.isForLookups) forgetPlans(pool);
  return pool;
}

/** Rejects unless the server answers a real query. */
export async function ping(pool: Pool): Promise<void> {
  await pool.query('select 1');
}
