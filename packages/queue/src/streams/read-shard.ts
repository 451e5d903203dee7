import { setTimeout as delay } from 'node:timers/promises';
import { ANY_BATCH, type Loss, type Shard, type StreamEntry } from './entries.ts';
import { createHeldEntries, type HeldEntry } from './held-entries.ts';

const BATCH = 256;
/** How often an idle shard is read without news. */
const LOOK_MS = 1_000;
/** How often entries are claimed that another consumer of the group left pending. */
const LOOK_BACK_MS = 5_000;
/** The delay after a failure. */
const REST_MS = 1_000;
/** With this many entries held, no more are read until some of them have ended. */
const MOST_HELD = 10_000;

/** The outcome of a batch. */
export interface BatchOutcome {
  /** The ids of the entries that have ended. */
  ended: string[];
  /** Entries to be held, with their chats. Any other entry that has not ended is held alone. */
  held: Array<Pick<HeldEntry, 'id' | 'chat' | 'counts'>>;
}

export interface ShardDeps {
  /** Ends delays. */
  signal: AbortSignal;
  /**
   * Handles the entries in their order. Entries of held chats are held, too. An entry that has not ended is handled
   * again after a delay. Rejects if no entry could be tried. May get an entry twice.
   */
  handle: (entries: StreamEntry[], heldChats: ReadonlySet<string>) => Promise<BatchOutcome>;
  onFailure: (error: Error) => void;
  onLoss: (shard: number, loss: Loss) => void;
}

/**
 * Reads one shard in its order for as long as this worker owns it: first the entries that a former owner left pending,
 * then new ones. Entries that failed are held, and tried again when they are due.
 */
export class ShardReader {
  /** Settles when this worker no longer reads the shard. */
  readonly done: Promise<void>;

  /** Where news begins. */
  lastId = '0-0';
  private readonly inRedis: Shard;
  private readonly deps: ShardDeps;
  private held = createHeldEntries();
  private from: 'left' | 'new' = 'left';
  /** The last pending entry that was read again. */
  private leftAfter = '0-0';
  private lookedBackAt = 0;
  private isStopped = false;
  /** Only while the reader is idle. */
  private endIdle: (() => void) | undefined;
  private inHandSince: number | null = null;

  constructor(inRedis: Shard, deps: ShardDeps) {
    this.inRedis = inRedis;
    this.deps = deps;
    this.done = this.run();
  }

  /** Ends after the batch in hand, and releases the shard. */
  stop(): void {
    this.isStopped = true;
    this.endIdle?.();
  }

  /** Whether it waits for news. While the reader is at work, it will see new entries itself. */
  get isIdle(): boolean {
    return this.endIdle !== undefined;
  }

  /** Reads on, because there is an entry with this id. It is news only once: another consumer may have read it. */
  wake(id: string): void {
    this.lastId = id;
    this.endIdle?.();
  }

  /** How long the batch in hand has been there. */
  inHandMs(): number {
    return this.inHandSince === null ? 0 : performance.now() - this.inHandSince;
  }

  private async run(): Promise<void> {
    const { onFailure } = this.deps;
    while (!this.isStopped) {
      try {
        if (!(await this.step())) return;
      } catch (error) {
        onFailure(error as Error);
        this.beginWithLeft();
        await this.rest();
      }
    }
    await this.inRedis.release().catch(onFailure);
  }

  /** False, as the three below, if the worker no longer owns the shard. */
  private async step(): Promise<boolean> {
    if (this.from === 'left') return this.readLeft();
    if (!(await this.retryHeld())) return false;
    if (this.held.size < MOST_HELD) return this.readNew();
    await this.rest();
    return true;
  }

  /** Reads all pending entries again, in their order, before any new one. */
  private beginWithLeft(): void {
    this.held = createHeldEntries();
    this.leftAfter = '0-0';
    this.from = 'left';
  }

  /** Handles one batch of entries left pending. */
  private async readLeft(): Promise<boolean> {
    const after = this.leftAfter;
    const reading = await this.inRedis.read({ from: 'left', count: BATCH, after });
    if (reading.kind !== 'read') return false;
    const { loss, entries, trimmed } = reading;
    await this.report(loss);
    if (trimmed.length > 0) await this.inRedis.forgetTrimmed(trimmed);
    this.leftAfter = entries.at(-1)?.id ?? after;
    if (entries.length > 0) await this.work(entries, this.held.chats());
    else if (trimmed.length === 0) {
      this.from = 'new';
      this.lookedBackAt = performance.now();
    }
    return true;
  }

  /** Handles one batch of new entries. */
  private async readNew(): Promise<boolean> {
    const isLookBack = performance.now() - this.lookedBackAt > LOOK_BACK_MS;
    const from = isLookBack ? 'look back' : 'new';
    const reading = await this.inRedis.read({ from, count: BATCH, held: this.held.size });
    if (reading.kind === 'left first') this.beginWithLeft();
    if (reading.kind !== 'read') return reading.kind === 'left first';
    if (isLookBack) this.lookedBackAt = performance.now();
    const { loss, entries } = reading;
    await this.report(loss);
    if (entries.length === 0) await this.idle();
    else {
      this.lastId = entries.at(-1)?.id ?? this.lastId;
      await this.work(entries, this.held.chats());
    }
    return true;
  }

  /** Handles held entries that are due. */
  private async retryHeld(): Promise<boolean> {
    const { held } = this;
    const due = held.due(ANY_BATCH);
    if (due.length === 0) return true;
    const entries = await this.inRedis.claim(due);
    if (entries === null) return false;
    const there = new Set(entries.map(({ id }) => id));
    const gone = due.map(({ id }) => id).filter((id) => !there.has(id));
    if (gone.length > 0) await this.inRedis.forgetTrimmed(gone);
    held.remove(gone);
    const retried = new Set(due.map(({ chat }) => chat));
    const others = [...held.chats()].filter((chat) => !retried.has(chat));
    if (entries.length > 0) await this.work(entries, new Set(others));
    return true;
  }

  /** Handles entries, removes those that have ended, and holds the others. */
  private async work(entries: StreamEntry[], heldChats: ReadonlySet<string>): Promise<void> {
    const { held } = this;
    const handled = await this.handle(entries, heldChats);
    if (handled.ended.length > 0) await this.inRedis.end(handled.ended);
    held.remove(handled.ended);
    const ended = new Set(handled.ended);
    const answers = new Map(handled.held.map((one) => [one.id, one]));
    const left = entries
      .filter(({ id }) => !ended.has(id))
      .map(({ id, deliveries }) => ({
        id,
        chat: id,
        counts: true,
        ...answers.get(id),
        deliveries,
      }));
    const uncounted = left.filter(({ counts }) => !counts);
    await this.uncount(uncounted);
    held.hold(left.map((one) => ({ ...one, deliveries: one.deliveries - (one.counts ? 0 : 1) })));
    // No entry could be tried, so the failure is not about these entries.
    const isSlow = ended.size === 0 && uncounted.length === entries.length;
    if (isSlow && uncounted.some(({ chat }) => !heldChats.has(chat))) await this.rest();
  }

  private async handle(entries: StreamEntry[], heldChats: ReadonlySet<string>) {
    this.inHandSince = performance.now();
    try {
      return await this.deps.handle(entries, heldChats);
    } catch (error) {
      await this.uncount(entries);
      throw error;
    } finally {
      this.inHandSince = null;
    }
  }

  private async uncount(entries: ReadonlyArray<{ id: string; deliveries: number }>): Promise<void> {
    for (const deliveries of new Set(entries.map((entry) => entry.deliveries))) {
      const ids = entries.filter((one) => one.deliveries === deliveries).map(({ id }) => id);
      await this.inRedis.uncount(ids, deliveries).catch(this.deps.onFailure);
    }
  }

  private async report(loss: Loss | null): Promise<void> {
    if (loss === null) return;
    const { onLoss, onFailure } = this.deps;
    onLoss(this.inRedis.shard, loss);
    await this.inRedis.markReported(loss).catch(onFailure);
  }

  /** Waits for news, for the next look, or for a held entry to be due. */
  private async idle(): Promise<void> {
    if (this.isStopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(LOOK_MS, this.held.nextInMs()));
      this.endIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.endIdle = undefined;
  }

  private async rest(): Promise<void> {
    await delay(REST_MS, undefined, { signal: this.deps.signal }).catch(() => undefined);
  }
}
