import pg from 'pg';
import { asAppError, isLostRace, sqlState } from './errors.ts';

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
const poolBehind = (db: Database): pg.Pool => db as unknown as pg.Pool;

/*
 * By default Postgres plans a statement with arrays at each execution, which costs as much as running it: it estimates
 * that a plan for three rows is cheaper than a generic one.
 */
const PLAN_ONCE = 'set plan_cache_mode = force_generic_plan';
/** A statement reads few rows, which are mostly in memory, however large the table is. */
const LOOK_UP = 'set enable_seqscan = off; set random_page_cost = 1.1';
/** Without a suitable index a plan looks expensive enough for JIT, which takes longer than the statement. */
const NOT_COMPILED = 'set jit = off';

/** For a connection that reads a few rows by their keys, again and again. */
export const FOR_LOOKUPS = `${PLAN_ONCE}; ${LOOK_UP}; ${NOT_COMPILED}`;

const FIRST_MS = 1_000;
const LATEST_MS = 60_000;
/** Longer than any work over such a connection should take. */
const SLOW_MS = 200;

interface Age {
  takenAtMs: number;
  forgottenAtMs: number;
  forgetAtMs: number;
  everyMs: number;
}

/**
 * A plan that was made while a table was empty reads all of the table later, until Postgres gathers statistics. So a
 * connection discards its plans after 1 s, after 2 more, after 4 more … and in the end once a minute, at its next use;
 * and after work that was slow.
 */
function forgetPlans(pool: pg.Pool): void {
  const ageOf = new WeakMap<pg.ClientBase, Age>();

  pool.on('acquire', (client) => {
    const now = performance.now();
    const age = ageOf.get(client) ?? {
      takenAtMs: 0,
      forgottenAtMs: -Infinity,
      forgetAtMs: now + FIRST_MS,
      everyMs: FIRST_MS,
    };
    ageOf.set(client, age);
    age.takenAtMs = now;
    if (now < age.forgetAtMs) return;
    age.everyMs = Math.min(age.everyMs * 2, LATEST_MS);
    age.forgetAtMs = now + age.everyMs;
    age.forgottenAtMs = now;
    // Sent before the statement for which the connection was taken. If the connection is broken, that statement fails.
    client.query('discard plans').catch(() => undefined);
  });

  pool.on('release', (_, client) => {
    const age = ageOf.get(client);
    if (!age || performance.now() - age.takenAtMs <= SLOW_MS) return;
    // At most once a second: if Postgres itself is slow, planning at each use would make it slower.
    age.forgetAtMs = Math.min(age.forgetAtMs, age.forgottenAtMs + FIRST_MS);
  });
}

export interface PoolOptions {
  url: string;
  applicationName: string;
  max?: number;
  statementTimeoutMs?: number;
  /** How long a statement may wait for one lock. Without it, as long as the statement itself may take. */
  lockTimeoutMs?: number;
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
    connectionTimeoutMillis: 3_000,
    statement_timeout: statementTimeoutMs,
    ...(options.lockTimeoutMs !== undefined && { lock_timeout: options.lockTimeoutMs }),
    // The client's own limit, for a server that no longer enforces its own.
    query_timeout: statementTimeoutMs + 2_000,
    idle_in_transaction_session_timeout: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    ...(options.isForLookups && {
      onConnect: async (client) => void (await client.query(FOR_LOOKUPS)),
    }),
  });
  pool.on('error', options.onError);
  pool.on('connect', (client) => client.on('error', options.onError));
  if (options.isForLookups) forgetPlans(pool);
  return pool as unknown as Database;
}

/** The connections of a pool, in the names of `watchPools`. The counts change with the pool. */
export type PoolCounts = Readonly<
  Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount' | 'options'>
>;

export const poolCounts = (db: Database): PoolCounts => poolBehind(db);

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
