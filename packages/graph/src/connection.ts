import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@contour/contract';
import type { Driver, Transaction } from 'neo4j-driver';

export interface GraphOptions {
  /** bolt:// or neo4j://, with +s or +ssc for TLS. */
  uri: string;
  user: string;
  /** Undefined for a server without authentication. */
  password: string | undefined;
}

// The driver would wait 30 and 60 s, and would retry by itself. A write without an answer must end soon, and the driver
// must not repeat it, because a later turn may have begun.
const CONNECT_MS = 2_000;
const ACQUIRE_MS = 3_000;
const CLOSE_MS = 1_000;
const MAX_CONNECTIONS = 4;
// Only a server that is frozen or unreachable does not answer within this time.
const SERVER_GRACE_MS = 2_000;

export type Mode = 'READ' | 'WRITE';
export type Work<T> = (tx: Transaction) => Promise<T>;

/** Loads the driver on first use, because it takes a quarter of a process's start. */
async function open({ uri, user, password }: GraphOptions): Promise<Driver> {
  const { default: neo4j } = await import('neo4j-driver');
  const auth = password === undefined ? undefined : neo4j.auth.basic(user, password);
  return neo4j.driver(uri, auth, {
    connectionTimeout: CONNECT_MS,
    connectionAcquisitionTimeout: ACQUIRE_MS,
    maxTransactionRetryTime: 0,
    maxConnectionPoolSize: MAX_CONNECTIONS,
    connectionLivenessCheckTimeout: 5_000,
    disableLosslessIntegers: true,
    telemetryDisabled: true,
  });
}

const closed = async (driver: Promise<Driver> | undefined) => (await driver)?.close();

/** Adds time-outs to the driver. A driver whose server did not answer is not used again. */
export function openConnection(options: GraphOptions) {
  let driver: Promise<Driver> | undefined;

  const discard = (broken: Promise<Driver>) => {
    if (driver === broken) driver = undefined;
    // Not awaited: closing may hang while the server is frozen.
    closed(broken).catch(() => undefined);
  };

  return {
    /** Runs one transaction. Rejects after the time even if the server does not answer. */
    async transact<T>(timeoutMs: number, mode: Mode, work: Work<T>): Promise<T> {
      driver ??= open(options);
      const used = driver;
      const session = (await used).session({ defaultAccessMode: mode });
      const run = async () => {
        const tx = await session.beginTransaction({ timeout: timeoutMs });
        try {
          const result = await work(tx);
          await tx.commit();
          return result;
        } catch (error) {
          await tx.rollback().catch(() => undefined);
          throw error;
        }
      };
      const limitMs = timeoutMs + SERVER_GRACE_MS;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
      });
      try {
        return await Promise.race([run(), late]);
      } catch (error) {
        // A connection that is stuck half open would keep its place in the pool for ever.
        if (!isAnswer(error) && !(error instanceof TurnLost)) discard(used);
        throw error;
      } finally {
        clearTimeout(timer);
        session.close().catch(() => undefined);
      }
    },
    async close(): Promise<void> {
      const last = driver;
      driver = undefined;
      const givenUp = delay(CLOSE_MS, undefined, { ref: false });
      await Promise.race([closed(last).catch(() => undefined), givenUp]);
    },
  };
}

/** A later turn has written to the graph. */
export class TurnLost extends Error {
  override readonly name = 'TurnLost';
  readonly latest: number;

  constructor(latest: number) {
    super(`turn ${latest} has written already`);
    this.latest = latest;
  }
}

function codeOf(error: unknown): string {
  const { code } = ((error instanceof AppError ? error.cause : error) ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** Such as a deadlock or a lock time-out: a retry may succeed at once. */
export const isTransient = (error: unknown): boolean =>
  codeOf(error).startsWith('Neo.TransientError.');

/**
 * Whether the server refuses this statement for good, such as for a value that is too long for an index. A server that
 * refuses all statements (wrong password, read-only) counts as away.
 */
export const isRefusal = (error: unknown): boolean =>
  /^Neo\.(ClientError\.(Statement|Schema)|DatabaseError\.(Statement|Schema))\./.test(codeOf(error));

const isBug = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

/** Whether the server has answered at all: then the connection works. */
const isAnswer = (error: unknown): boolean => codeOf(error).startsWith('Neo.');

/** Turns any error into the one that callers expect. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return isRefusal(error) || isBug(error)
    ? new AppError('unexpected', `Neo4j failed: ${reason}`, error)
    : new AppError('neo4j_unavailable', `Neo4j is away: ${reason}`, error);
}
