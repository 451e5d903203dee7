import type { Pool, PoolClient } from '../support/outside-pool.ts';
import { AT_CORE, createFootprints, type Footprint } from './footprint.ts';

/**
 * `thinking`: its code runs and will ask soon, or end. `asking`: it waits for permission to go on.
 * `running`: its statement is with the server; `blocked`: there it waits for another participant.
 */
type State = 'thinking' | 'asking' | 'running' | 'blocked' | 'done';

/** A participant's place: a connection of its own, on which nothing happens without permission. */
export interface Seat {
  /** Of the server's process. */
  pid: number;
  state(): State;
  /** What it asks for, or is at. */
  asks(): string;
  /** Sits somebody down: what they do is over, or fails, when the promise settles. */
  occupy(work: (pool: Pool, atCore: AtCore) => Promise<void>): Promise<void>;
  /** Lets it do what it asks for. Tells what that touches; a failure may let go of more. */
  permit(onDone: (freed: number) => void): Footprint;
  /** Whether what it is at may come to wait for a lock. */
  mayWait(): boolean;
  setBlocked(isBlocked: boolean): void;
}

/** Something that is no statement, and has its turn like one. */
export type AtCore = <T>(request: () => T) => Promise<T>;

interface Asked {
  name: string;
  go: (onDone: (freed: number) => void) => Footprint;
}

type Query = (config: string | { name?: string; text: string }) => Promise<unknown>;

/**
 * A pool of one connection, whose client gives each statement to the server only when it is permitted
 * to. `rewrite` may change a statement: so a test breaks the product.
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

  // One after another: what a participant wants to do at the same time, it does in the order asked.
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
