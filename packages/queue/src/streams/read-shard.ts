import { setTimeout as delay } from 'node:timers/promises';
import type { FailFastRedis } from '../connection.ts';
import { endEntries, forgetTrimmed, uncountDelivery } from './end-entries.ts';
import { createHeldEntries, type HeldEntry } from './held-entries.ts';
import { release } from './leases.ts';
import { ANY_BATCH, claimEntries, readEntries, type StreamEntry } from './read-entries.ts';
import { type Loss, markTold } from './tally.ts';

const BATCH = 256;
/** An idle shard is looked at so often, even without news. */
const LOOK_MS = 1_000;
/** So often somebody looks for what another consumer of the group has left lying. */
const LOOK_BACK_MS = 5_000;
/** So long after a failure the same entries are tried again. */
const REST_MS = 1_000;
/** With this many entries held back, no more are read until some of them have ended. */
const MOST_HELD = 10_000;

/** The outcome of a batch. */
export interface Handled {
  /** The ids of the entries that have ended. */
  ended: string[];
  /** Entries to be held back, with their chats. Any other entry that has not ended is held alone. */
  held: Array<Pick<HeldEntry, 'id' | 'chat' | 'counts'>>;
}

export interface ShardDeps {
  redis: FailFastRedis;
  /** The name under which this worker holds its shards. */
  owner: string;
  /** Ends rests. */
  signal: AbortSignal;
  /**
   * Handles the entries in their order. Entries of chats that are held back are held, too. An entry that has not ended
   * is handled again after a rest. Rejects if no entry could be tried. May get an entry twice.
   */
  handle: (entries: StreamEntry[], heldChats: ReadonlySet<string>) => Promise<Handled>;
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
  /** The last pending entry that has been read again. */
  let leftAfter = '0-0';
  const held = createHeldEntries();
  let lookedBackAt = 0;
  let inHandSince: number | null = null;

  const rest = () => delay(REST_MS, undefined, { signal }).catch(() => undefined);

  async function idle(): Promise<void> {
    if (isStopped) return;
    isIdle = true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(LOOK_MS, held.nextInMs()));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    isIdle = false;
    wake = () => {};
  }

  /** Reads all pending entries again, in their order, before any new one. */
  function beginWithLeft(): void {
    held.clear();
    leftAfter = '0-0';
    from = 'left';
  }

  async function uncount(entries: ReadonlyArray<{ id: string; deliveries: number }>) {
    for (const deliveries of new Set(entries.map((entry) => entry.deliveries))) {
      const ids = entries.filter((one) => one.deliveries === deliveries).map(({ id }) => id);
      await ask(() => uncountDelivery(client, shard, ids, deliveries)).catch(onFailure);
    }
  }

  async function handleInHand(
    entries: StreamEntry[],
    heldChats: ReadonlySet<string>,
  ): Promise<Handled> {
    inHandSince = performance.now();
    try {
      return await handle(entries, heldChats);
    } catch (error) {
      await uncount(entries);
      throw error;
    } finally {
      inHandSince = null;
    }
  }

  /** Handles entries, removes those that have ended, and holds the others back. */
  async function work(entries: StreamEntry[], heldChats: ReadonlySet<string>): Promise<void> {
    const handled = await handleInHand(entries, heldChats);
    if (handled.ended.length > 0) await ask(() => endEntries(client, shard, handled.ended));
    held.remove(handled.ended);
    const ended = new Set(handled.ended);
    const told = new Map(handled.held.map((one) => [one.id, one]));
    const left = entries
      .filter(({ id }) => !ended.has(id))
      .map(({ id, deliveries }) => ({ chat: id, counts: true, ...told.get(id), id, deliveries }));
    const uncounted = left.filter(({ counts }) => !counts);
    await uncount(uncounted);
    held.hold(left.map((one) => ({ ...one, deliveries: one.deliveries - (one.counts ? 0 : 1) })));
    // No entry could be tried, so the failure is not about these entries.
    const isSlow = ended.size === 0 && uncounted.length === entries.length;
    if (isSlow && uncounted.some(({ chat }) => !heldChats.has(chat))) await rest();
  }

  /** Resolves with false if another worker has the shard by now. */
  async function retryHeld(): Promise<boolean> {
    const due = held.due(ANY_BATCH);
    if (due.length === 0) return true;
    const entries = await ask(() => claimEntries(client, { owner, shard, held: due }));
    if (entries === null) return false;
    const there = new Set(entries.map(({ id }) => id));
    const gone = due.map(({ id }) => id).filter((id) => !there.has(id));
    if (gone.length > 0) await ask(() => forgetTrimmed(client, shard, gone));
    held.remove(gone);
    const retried = new Set(due.map(({ chat }) => chat));
    const others = [...held.chats()].filter((chat) => !retried.has(chat));
    if (entries.length > 0) await work(entries, new Set(others));
    return true;
  }

  async function tell(loss: Loss | null): Promise<void> {
    if (loss === null) return;
    onLoss(shard, loss);
    await ask(() => markTold(client, shard, loss)).catch(onFailure);
  }

  /** Handles one batch of entries left pending. Resolves with false if another worker has the shard by now. */
  async function readLeft(): Promise<boolean> {
    const place = { owner, shard, count: BATCH, after: leftAfter };
    const reading = await ask(() => readEntries(client, { ...place, from: 'left' }));
    if (reading.kind !== 'read') return false;
    const { loss, entries, trimmed } = reading;
    await tell(loss);
    if (trimmed.length > 0) await ask(() => forgetTrimmed(client, shard, trimmed));
    leftAfter = entries.at(-1)?.id ?? leftAfter;
    if (entries.length > 0) await work(entries, held.chats());
    else if (trimmed.length === 0) {
      from = 'new';
      lookedBackAt = performance.now();
    }
    return true;
  }

  /** Handles one batch of new entries. Resolves with false if another worker has the shard by now. */
  async function readNew(): Promise<boolean> {
    const isLookBack = performance.now() - lookedBackAt > LOOK_BACK_MS;
    const place = { owner, shard, count: BATCH, held: held.size } as const;
    const reading = await ask(() =>
      readEntries(client, { ...place, from: isLookBack ? 'look back' : 'new' }),
    );
    if (reading.kind === 'not ours') return false;
    if (reading.kind === 'left first') {
      beginWithLeft();
      return true;
    }
    if (isLookBack) lookedBackAt = performance.now();
    const { loss, entries } = reading;
    await tell(loss);
    if (entries.length === 0) await idle();
    else {
      lastId = entries.at(-1)?.id ?? lastId;
      await work(entries, held.chats());
    }
    return true;
  }

  /** Resolves with false if another worker has the shard by now. */
  async function step(): Promise<boolean> {
    if (from === 'left') return readLeft();
    if (!(await retryHeld())) return false;
    if (held.size < MOST_HELD) return readNew();
    await rest();
    return true;
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      try {
        if (!(await step())) return;
      } catch (error) {
        onFailure(error as Error);
        beginWithLeft();
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
