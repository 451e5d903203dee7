import pg from 'pg';
import { forgetPlans, preferLookups } from './plans.ts';

/** Anything that a statement can run on: a database, one of its connections, or a transaction. */
export interface Queryable {
  /** Makes the type opaque. No such property exists. */
  readonly 'known to the store alone': 'queryable';
}

/** A pool of connections. Only this package can send SQL over it. */
export interface Database extends Queryable {
  /** Waits for the statements under way, then closes all connections. */
  end(): Promise<void>;
}

/** A transaction that is open. It ends where it was begun: see `withTransaction`. */
export interface Transaction extends Queryable {
  readonly 'is in a transaction': true;
}

/** One connection, for work that needs more than prepared statements. */
export type PoolClient = pg.PoolClient & Queryable;

/** The pool behind the opaque type. */
export const poolBehind = (db: Database): pg.Pool => db as unknown as pg.Pool;

export interface PoolOptions {
  url: string;
  applicationName: string;
  max?: number;
  statementTimeoutMs?: number;
  /** How long a statement may wait for one lock. Without it, as long as the statement itself may take. */
  lockTimeoutMs?: number;
  connectTimeoutMs?: number;
  /** Nearly all statements read a few rows by their keys. The others must not need a sequential scan. */
  isForLookups?: boolean;
  /** Called for errors of idle and of checked-out connections. An error without a handler ends the process. */
  onError: (error: Error) => void;
}

/**
 * A pool that gives up rather than hangs: a server that accepts a connection and never answers costs seconds.
 * idle_in_transaction_session_timeout frees the row locks of a worker that was frozen within a transaction.
 */
export function createPool(options: PoolOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.max ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    statement_timeout: statementTimeoutMs,
    ...(options.lockTimeoutMs === undefined ? {} : { lock_timeout: options.lockTimeoutMs }),
    // The client's own limit, for a server that no longer enforces its own.
    query_timeout: statementTimeoutMs + 2_000,
    idle_in_transaction_session_timeout: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    ...(options.isForLookups ? { onConnect: preferLookups } : {}),
  });
  pool.on('error', options.onError);
  pool.on('connect', (client) => client.on('error', options.onError));
  if (options.isForLookups) forgetPlans(pool);
  return pool as unknown as Database;
}

/** The connections of a pool, in the names of `watchPools`. The counts change with the pool. */
export interface PoolCounts {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max?: number };
}

export const poolCounts = (db: Database): PoolCounts => poolBehind(db);
