import type { Pool, PoolClient } from '../support/outside-pool.ts';
import { AT_CORE, createFootprints, type Footprint } from './footprint.ts';

/**
 * `thinking`: its code runs and will ask or end soon. `asking`: it waits for permission.
 * `running`: the server executes its statement. `blocked`: the statement waits for another participant.
 */
type State = 'thinking' | 'asking' | 'running' | 'blocked' | 'done';

/** A participant's connection. Each statement needs a permission. */
export interface Seat {
  /** The server process of the connection. */
  pid: number;
  state(): State;
  /** The name of the statement that it asks for, or that runs. */
  asks(): string;
  /** Starts a participant's work. Settles with the work. */
  occupy(work: (pool: Pool, atCore: AtCore) => Promise<void>): Promise<void>;
  /** Permits the statement that it asks for, and returns its footprint. A failure may unlock more. */
  permit(onDone: (freed: number) => void): Footprint;
  /** Whether the running statement may wait for a lock. */
  mayWait(): boolean;
  setBlocked(isBlocked: boolean): void;
}

/** An operation other than a statement that is scheduled like one. */
export type AtCore = <T>(request: () => T) => Promise<T>;

interface Asked {
  name: string;
  go: (onDone: (freed: number) => void) => Footprint;
}

type Query = (config: string | { name?: string; text: string }) => Promise<unknown>;

/**
 * A pool of one connection that sends each statement after its permission. With `rewrite` a test changes
 * statements to break the product.
 */
export function createSeat(
  client: PoolClient,
  pid: number,
  onChange: () => void,
  rewrite: (text: string) => string = (text) => text,
): Seat {
  const footprints = createFootprints();
  let state: State = 'done';
  let asked: Asked = { name: '', go: () => AT_CORE };
  let touched = AT_CORE;
  let before: Promise<unknown> = Promise.resolve();

  const become = (next: State) => {
    state = next;
    onChange();
  };

  async function turn<T>(
    name: string,
    act: () => Promise<T> | T,
    touch: () => Footprint,
    failed: () => number = () => 0,
  ): Promise<T> {
    const onDone = await new Promise<(freed: number) => void>((resolve) => {
      const go: Asked['go'] = (done) => {
        become('running');
        resolve(done);
        touched = touch();
        return touched;
      };
      asked = { name, go };
      become('asking');
    });
    let freed = 0;
    try {
      return await act();
    } catch (error) {
      freed = failed();
      throw error;
    } finally {
      onDone(freed);
      become('thinking');
    }
  }

  // Concurrent requests of one participant run in the order in which they were made.
  const inTurn: typeof turn = (...args) => {
    const mine = before.then(() => turn(...args));
    before = mine.catch(() => undefined);
    return mine;
  };

  const send: Query = (config) => (client.query as unknown as Query).call(client, config);
  const query: Query = (given) => {
    const config = typeof given === 'string' ? { text: given } : given;
    const text = rewrite(config.text);
    return inTurn(
      config.name ?? config.text,
      () => send({ ...config, text }),
      () => footprints.sent(text),
      () => footprints.failed(),
    );
  };
  const stepping = {
    query,
    on: client.on.bind(client),
    off: client.off.bind(client),
    end: () => client.end(),
    release: () => undefined,
  } as unknown as PoolClient;
  const pool = { query, connect: async () => stepping } as unknown as Pool;

  return {
    pid,
    state: () => state,
    asks: () => asked.name,
    async occupy(work) {
      become('thinking');
      try {
        await work(pool, (request) => inTurn('core', request, () => AT_CORE));
      } finally {
        become('done');
      }
    },
    permit: (onDone) => asked.go(onDone),
    mayWait: () => touched.holds !== 0,
    setBlocked(isBlocked) {
      if (state === 'running' && isBlocked) become('blocked');
      else if (state === 'blocked' && !isBlocked) become('running');
    },
  };
}
