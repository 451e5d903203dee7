import { setTimeout as delay } from 'node:timers/promises';
import { connectFailFast, connectPatient, type OnError } from '../connection.ts';
import { streamKey } from './keys.ts';
import { beat, leave, release, type ShardState } from './leases.ts';
import { endEntries, forgetTrimmed, readEntries, type StreamEntry } from './read-entries.ts';

const BEAT_MS = 1_000;
const BATCH = 256;
/** So long after a failure the same entries are tried again. */
const REST_MS = 1_000;
/** How long Redis is asked to hold a question for news; a shard that joins meanwhile waits as long. */
const NEWS_MS = 250;

export interface StreamConsumer {
  start(): void;
  /** Ends after the batches in hand, which it aborts at the deadline. True when none was left. */
  close(deadlineMs: number): Promise<boolean>;
}

interface StreamConsumerOptions {
  redisUrl: string;
  /** This worker's name among those that share the shards. */
  id: string;
  shardCount: number;
  onError: OnError;
  /** Deals with all of the entries; when it rejects they come again. May get an entry twice. */
  handle: (entries: StreamEntry[], signal: AbortSignal) => Promise<void>;
  /** Somebody has removed so many more entries of a shard before they were read. */
  onLost: (shard: number, entries: number) => void;
}

/** A shard under way: it ends after the batch in hand when it is told to. */
interface Running {
  stop: boolean;
  isIdle: boolean;
  wake: () => void;
  lastId: string;
  done: Promise<void>;
}

/** Reads the shards that fall to this worker, each in its own order, many side by side. */
export function createStreamConsumer(o: StreamConsumerOptions): StreamConsumer {
  const { id, shardCount, onError, handle } = o;
  const redis = connectFailFast(o.redisUrl, onError);
  const patient = connectPatient(o.redisUrl);
  const { client, ask } = redis;
  const running = new Map<number, Running>();
  const abort = new AbortController();
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();
  let watching: Promise<void> = Promise.resolve();

  const rest = (ms: number) =>
    delay(ms, undefined, { signal: abort.signal }).catch(() => undefined);

  /** One batch; resolves with what to read next, or null when the shard is another's. */
  async function step(
    shard: number,
    state: Running,
    from: 'new' | 'left',
  ): Promise<'new' | 'left' | 'idle' | null> {
    const reading = await ask(() => readEntries(client, { owner: id, shard, from, count: BATCH }));
    if (reading.kind === 'not ours') return null;
    const { entries, trimmed } = reading;
    if (reading.lost > 0) o.onLost(shard, reading.lost);
    if (trimmed.length > 0) await ask(() => forgetTrimmed(client, shard, trimmed));
    const last = entries.at(-1);
    if (last === undefined) return from === 'left' || trimmed.length > 0 ? 'new' : 'idle';
    if (from === 'new') state.lastId = last.id;
    await handle(entries, abort.signal);
    await ask(() =>
      endEntries(
        client,
        shard,
        entries.map((entry) => entry.id),
      ),
    );
    return from;
  }

  async function run(shard: number, state: Running): Promise<void> {
    let from: 'new' | 'left' = 'left';
    while (!state.stop) {
      try {
        const next = await step(shard, state, from);
        if (next === null) return;
        if (next !== 'idle') from = next;
        else await idle(state);
      } catch (error) {
        onError(error as Error);
        from = 'left';
        await rest(REST_MS);
      }
    }
    await ask(() => release(client, id, shard)).catch(onError);
  }

  async function idle(state: Running): Promise<void> {
    state.isIdle = true;
    await new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, BEAT_MS);
      state.wake = () => {
        clearTimeout(timeout);
        resolve();
      };
    });
    state.isIdle = false;
    state.wake = () => {};
  }

  function begin(shard: number): void {
    const state: Running = {
      ...{ stop: false, isIdle: false, wake: () => {}, lastId: '0-0' },
      done: Promise.resolve(),
    };
    running.set(shard, state);
    state.done = run(shard, state).finally(() => running.delete(shard));
  }

  function stop(state: Running | undefined): void {
    if (state === undefined) return;
    state.stop = true;
    state.wake();
  }

  async function look(): Promise<void> {
    const states = await ask(() => beat(client, id, shardCount));
    states.forEach((state: ShardState, shard) => {
      if (state === 'held' && !running.has(shard) && !closing) begin(shard);
      // What is another's is found out by reading; what is to move goes after the batch in hand.
      if (state === 'unwanted') stop(running.get(shard));
    });
  }

  /** Asks Redis for news of the shards that have nothing to do. It takes nothing: the owner reads. */
  async function watch(): Promise<void> {
    while (!closing) {
      const idlers = [...running].filter(([, state]) => state.isIdle);
      if (idlers.length === 0) {
        await rest(NEWS_MS / 10);
        continue;
      }
      try {
        const keys = idlers.map(([shard]) => streamKey(shard));
        const ids = idlers.map(([, { lastId }]) => lastId);
        const news = await patient.client.xread(
          ...(['COUNT', 1, 'BLOCK', NEWS_MS, 'STREAMS', ...keys, ...ids] as unknown as [
            'COUNT',
            number,
            'BLOCK',
            number,
            'STREAMS',
            ...string[],
          ]),
        );
        for (const [key, entries] of news ?? []) {
          const state = idlers[keys.indexOf(key)]?.[1];
          // News once: what another consumer has in hand would be news for ever.
          if (state) state.lastId = entries.at(-1)?.[0] ?? state.lastId;
          state?.wake();
        }
      } catch (error) {
        if (closing) return;
        onError(error as Error);
        await rest(REST_MS);
      }
    }
  }

  return {
    start() {
      const tick = () => {
        beating = beating.then(look).catch(onError);
      };
      tick();
      timer = setInterval(tick, BEAT_MS);
      watching = watch();
    },
    async close(deadlineMs) {
      closing = true;
      clearInterval(timer);
      await ask(() => leave(client, id)).catch(onError);
      const all = [...running.values()];
      for (const state of all) stop(state);
      const ended = Promise.all(all.map((state) => state.done)).then(() => true);
      const drained = await Promise.race([ended, delay(deadlineMs, false, { ref: false })]);
      abort.abort();
      patient.disconnect();
      await Promise.race([
        Promise.all([ended, watching]),
        delay(REST_MS, undefined, { ref: false }),
      ]);
      redis.disconnect();
      return drained;
    },
  };
}
