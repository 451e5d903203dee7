import {
  MIRROR_KINDS,
  type MirrorBatch,
  type MirrorKey,
  type MirrorKind,
  type MirrorRemoval,
  type MirrorRow,
  type MirrorSource,
  type MirrorTurn,
  mirrorKeyOf,
  mirrorKeyText,
} from '@contour/contract';
import { isRefusal, TurnLost } from './connection.ts';
import type { Graph } from './create-graph.ts';

/** Of each kind: a new client comes with an identity and a dialog, which makes 1 950 rows in all. */
const MOST_PER_KIND = 650;
/** A server that has just started, or is overloaded, can still write so many in time. */
const FIRST_PER_KIND = 40;
/** A pass reads in one direction: rows that were locked, or are committed behind it, are for the next pass. */
const PASS_MS = 3_000;

interface MirrorDeps {
  graph: Pick<Graph, 'prepare' | 'write'>;
  source: Pick<MirrorSource, 'takeTurn' | 'endTurn' | 'readUnmirrored' | 'mark'>;
  /** Called for a row that the graph refuses. The row is retried after a minute, and delays no other. */
  onRefused: (refusal: Refusal) => void;
}

export interface Drain {
  rows: number;
  /** `busy`: another worker has the turn, and mirrors all rows. */
  ended: 'done' | 'busy' | 'stopped';
}

export type Mirror = ReturnType<typeof createMirror>;

/** A promise that is awaited later, and may be rejected before. */
function inBackground<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Writes to the graph first, and then marks the rows in Postgres. */
export function createMirror({ graph, source, onRefused }: MirrorDeps) {
  const write = createWriter({ graph, source, onRefused });
  let perKind = FIRST_PER_KIND;

  /**
   * While the graph writes a batch, Postgres marks the one before and reads the one after. `ended` is undefined if the
   * time of the pass was over before the end.
   */
  async function pass(turn: MirrorTurn, signal: AbortSignal | undefined) {
    const startedAt = performance.now();
    let rows = 0;
    let reading = inBackground(source.readUnmirrored({}, perKind));
    let marking = Promise.resolve(true);
    let ended: Drain['ended'] | undefined;
    try {
      while (performance.now() - startedAt < PASS_MS) {
        const { batch, next } = await reading;
        const items = itemsOf(batch);
        if (items.length === 0) ended = 'done';
        else if (signal?.aborted) ended = 'stopped';
        if (ended !== undefined) break;
        reading = inBackground(source.readUnmirrored(next, perKind));
        const written = await write(turn, items);
        if (!(await marking)) return { rows, ended: 'busy' as const };
        marking = inBackground(source.mark(turn, batchOf(written)));
        rows += written.length;
        perKind = Math.min(perKind * 2, MOST_PER_KIND);
      }
      return { rows, ended: (await marking) ? ended : ('busy' as const) };
    } finally {
      // The next pass must not overlap with this one.
      await Promise.allSettled([reading, marking]);
    }
  }

  async function drainInTurn(turn: MirrorTurn, signal: AbortSignal | undefined): Promise<Drain> {
    try {
      await graph.prepare();
      for (let total = 0; ; ) {
        const { rows, ended } = await pass(turn, signal);
        total += rows;
        if (ended !== undefined) return { rows: total, ended };
      }
    } catch (error) {
      perKind = FIRST_PER_KIND;
      throw error;
    }
  }

  return {
    /** Brings the graph up to date, batch by batch. Throws AppError while Neo4j or Postgres is away. */
    async drain(signal?: AbortSignal): Promise<Drain> {
      let turn = await source.takeTurn(null, 0);
      while (turn !== null) {
        const taken: MirrorTurn = turn;
        try {
          return await drainInTurn(taken, signal);
        } catch (error) {
          if (!(error instanceof TurnLost)) throw error;
          // Another worker has the turn, or Postgres was restored from a backup and counts from an older turn: the next
          // turn must be later than any that the graph has seen.
          turn = await source.takeTurn(taken, error.latest);
        } finally {
          // While Postgres is away the turn expires by itself.
          await source.endTurn(taken).catch(() => undefined);
        }
      }
      return { rows: 0, ended: 'busy' };
    },
  };
}

type Item = { part: MirrorKind; row: MirrorRow } | { part: 'removals'; row: MirrorRemoval };

function itemsOf(batch: MirrorBatch): Item[] {
  const rows = MIRROR_KINDS.flatMap((part) => batch[part].map((row): Item => ({ part, row })));
  return [...rows, ...batch.removals.map((row): Item => ({ part: 'removals', row }))];
}

function batchOf(items: readonly Item[]): MirrorBatch {
  const batch: MirrorBatch = { clients: [], identities: [], dialogs: [], removals: [] };
  for (const { part, row } of items) (batch[part] as Item['row'][]).push(row);
  return batch;
}

const REST_MS = 60_000;
const MAX_REMEMBERED = 10_000;
/** So many refusals in a row are a fault of the server, not of the rows. */
const MAX_IN_A_ROW = 20;

/** A row or a removal that the graph refused. */
export interface Refusal {
  kind: string;
  key: MirrorKey;
  error: unknown;
}

function identify({ part, row }: Item): { kind: string; key: MirrorKey; version: string } {
  if (part === 'removals') return { kind: row.kind, key: row, version: row.seq };
  return { kind: part, key: mirrorKeyOf(row), version: row.changed_at };
}

function nameOf(item: Item): string {
  const { kind, key, version } = identify(item);
  return `${kind} ${mirrorKeyText(key)} ${version}`;
}

/** Writes batches without their refused rows, which it remembers: finding one costs a dozen transactions. */
function createWriter({ graph, source, onRefused }: MirrorDeps) {
  const restUntil = new Map<string, number>();
  let inARow = 0;

  function note(item: Item, error: unknown): void {
    inARow += 1;
    if (inARow > MAX_IN_A_ROW) {
      inARow = 0;
      throw error;
    }
    if (restUntil.size >= MAX_REMEMBERED) restUntil.clear();
    restUntil.set(nameOf(item), Date.now() + REST_MS);
    const { kind, key } = identify(item);
    onRefused({ kind, key, error });
  }

  /** Writes a batch. If the graph refuses it, writes its halves, and so on down to the refused rows. */
  async function writeInPieces(turn: MirrorTurn, items: readonly Item[], written: Item[]) {
    const [first] = items;
    if (first === undefined) return;
    try {
      await graph.write(turn, batchOf(items));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (items.length === 1) return note(first, error);
      const middle = items.length >> 1;
      await writeInPieces(turn, items.slice(0, middle), written);
      await writeInPieces(turn, items.slice(middle), written);
      return;
    }
    written.push(...items);
    inARow = 0;
  }

  /** Skips rows that were refused in the last minute. Returns the rows that the graph has accepted. */
  return async (turn: MirrorTurn, items: readonly Item[]): Promise<Item[]> => {
    const isFree = (item: Item) => (restUntil.get(nameOf(item)) ?? 0) <= Date.now();
    const written: Item[] = [];
    try {
      await writeInPieces(turn, restUntil.size === 0 ? items : items.filter(isFree), written);
    } catch (error) {
      if (written.length > 0) await source.mark(turn, batchOf(written));
      throw error;
    }
    return written;
  };
}
