import { setTimeout as delay } from 'node:timers/promises';
import type { Driver, Result } from 'neo4j-driver';
import { isAnswer } from './graph-error.ts';
import { TurnLost } from './turn-lost.ts';

export interface GraphOptions {
  /** bolt:// or neo4j://, with +s or +ssc for TLS. */
  uri: string;
  user: string;
  /** None: the server asks for none. */
  password: string | undefined;
}

// The driver would wait 30 and 60 s, and try again by itself. Here a write that is not answered is
// given up soon, and is never repeated behind our back: its turn would no longer be the one it had.
const CONNECT_MS = 2_000;
const ACQUIRE_MS = 3_000;
const CLOSE_MS = 1_000;
const MAX_CONNECTIONS = 4;
// Only a server that is frozen, or cut off, lets these pass in silence.
const SERVER_GRACE_MS = 2_000;

export interface Transaction {
  run(text: string, parameters?: object): Result;
}

export type Work<T> = (tx: Transaction) => Promise<T>;

export interface Connection {
  /** One transaction; rejects after the time, whatever the server does. */
  transact<T>(timeoutMs: number, mode: 'read' | 'write', work: Work<T>): Promise<T>;
  close(): Promise<void>;
}

/** The driver is loaded here, when somebody needs it: it is a quarter of what a process costs to start. */
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

/** The driver, kept to our time-outs: a connection that did not answer is never used again. */
export function openConnection(options: GraphOptions): Connection {
  let driver: Promise<Driver> | undefined;

  const discard = (broken: Promise<Driver>) => {
    if (driver === broken) driver = undefined;
    // It may never come back from saying goodbye to a server that stands still.
    closed(broken).catch(() => undefined);
  };

  return {
    async transact(timeoutMs, mode, work) {
      driver ??= open(options);
      const used = driver;
      const session = (await used).session({
        defaultAccessMode: mode === 'read' ? 'READ' : 'WRITE',
      });
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
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`no answer within ${timeoutMs + SERVER_GRACE_MS} ms`));
        }, timeoutMs + SERVER_GRACE_MS);
      });
      const running = run();
      running.catch(() => undefined);
      try {
        return await Promise.race([running, late]);
      } catch (error) {
        // A connection that got stuck half open would keep its place in the pool, with no time-out.
        if (!isAnswer(error) && !(error instanceof TurnLost)) discard(used);
        throw error;
      } finally {
        clearTimeout(timer);
        session.close().catch(() => undefined);
      }
    },
    async close() {
      const last = driver;
      driver = undefined;
      await Promise.race([
        closed(last).catch(() => undefined),
        delay(CLOSE_MS, undefined, { ref: false }),
      ]);
    },
  };
}
