import { setTimeout as delay } from 'node:timers/promises';
import type { FailFastRedis } from '../connection.ts';
import { endEntries, forgetTrimmed, uncountDelivery } from './end-entries.ts';
import { release } from './leases.ts';
import { readEntries, type StreamEntry } from './read-entries.ts';
import { type Loss, markTold } from './tally.ts';

const BATCH = 256;
/** An idle shard is looked at so often, even without news. */
const LOOK_MS = 1_000;
/** So often somebody looks for what another consumer of the group has left lying. */
const LOOK_BACK_MS = 5_000;
/** So long after a failure the same entries are tried again. */
const REST_MS = 1_000;

export interface ShardDeps {
  redis: FailFastRedis;
  /** The name under which this worker holds its shards. */
  owner: string;
  /** Ends rests. */
  signal: AbortSignal;
  /**
   * Deals with the entries in their order, and resolves with the ids of those that have come to an end:
   * the others come again, in a second. Rejects when they could not even be tried. May get an entry twice.
   */
  handle: (entries: StreamEntry[]) => Promise<string[]>;
  onFailure: (error: Error) => void;
  onLoss: (shard: number, loss: Loss) => void;
}

/** A shard that is being read. */
export interface ShardReader {
  /** Ends after the batch in hand, and gives the shard back. */
  stop(): void;
  /** There is something new. */
  wake(): void;
  /** Where news begins; null while it is at work, and will see for itself what is new. */
  awaits(): string | null;
  /** Somebody else has seen what is new up to here. */
  hasSeen(id: string): void;
  /** How long the batch in hand has been there. */
  inHandMs(): number;
  /** Settles when the shard is not read any more, whoever has it now. */
  done: Promise<void>;
}

/** Reads one shard in its order, for as long as this worker holds it. */
export function readShard(shard: number, deps: ShardDeps): ShardReader {
  const { redis, owner, signal, handle, onFailure, onLoss } = deps;
  const { client, ask } = redis;
  let isStopped = false;
  let isIdle = false;
  let wake = () => {};
  let lastId = '0-0';
  let from: 'new' | 'left' = 'left';
  let lookedBackAt = 0;
  let inHandSince: number | null = null;

  const rest = () => delay(REST_MS, undefined, { signal }).catch(() => undefined);

  async function idle(): Promise<void> {
    if (isStopped) return;
    isIdle = true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    isIdle = false;
    wake = () => {};
  }

  async function handleInHand(entries: StreamEntry[]): Promise<string[]> {
    inHandSince = performance.now();
    try {
      return await handle(entries);
    } catch (error) {
      const ids = entries.map(({ id }) => id);
      const deliveries = entries[0]?.deliveries ?? 1;
      await ask(() => uncountDelivery(client, shard, ids, deliveries)).catch(onFailure);
      throw error;
    } finally {
      inHandSince = null;
    }
  }

  /** One batch. Resolves with false when the shard is another's by now. */
  async function step(): Promise<boolean> {
    if (performance.now() - lookedBackAt > LOOK_BACK_MS) from = 'left';
    const reading = await ask(() => readEntries(client, { owner, shard, from, count: BATCH }));
    if (reading.kind === 'not ours') return false;
    if (reading.kind === 'left first') {
      from = 'left';
      return true;
    }
    const { loss, entries, trimmed } = reading;
    if (loss) {
      onLoss(shard, loss);
      await ask(() => markTold(client, shard, loss)).catch(onFailure);
    }
    if (trimmed.length > 0) await ask(() => forgetTrimmed(client, shard, trimmed));
    if (entries.length > 0) {
      if (from === 'new') lastId = entries.at(-1)?.id ?? lastId;
      const ended = await handleInHand(entries);
      if (ended.length > 0) await ask(() => endEntries(client, shard, ended));
      if (ended.length < entries.length) await rest();
    } else if (trimmed.length === 0) {
      if (from === 'new') await idle();
      else lookedBackAt = performance.now();
      from = 'new';
    }
    return true;
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      try {
        if (!(await step())) return;
      } catch (error) {
        onFailure(error as Error);
        from = 'left';
        await rest();
      }
    }
    await ask(() => release(client, owner, shard)).catch(onFailure);
  }

  return {
    stop() {
      isStopped = true;
      wake();
    },
    wake: () => wake(),
    awaits: () => (isIdle ? lastId : null),
    hasSeen(id) {
      lastId = id;
    },
    inHandMs: () => (inHandSince === null ? 0 : performance.now() - inHandSince),
    done: run(),
  };
}
