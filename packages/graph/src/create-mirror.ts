import type { MirrorBatch, MirrorSource, MirrorTurn } from '@contour/contract';
import { TurnLost } from './connection.ts';
import type { Graph } from './create-graph.ts';
import { createRefusals, type Refusal } from './refusals.ts';
import { sizeOf, writeInPieces } from './write-in-pieces.ts';

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

export interface Mirror {
  /** Brings the graph up to date, batch by batch. Throws AppError while Neo4j or Postgres is away. */
  drain(signal?: AbortSignal): Promise<Drain>;
}

type Pass = { rows: number; ended: Drain['ended'] | 'not yet' };

/** A promise that is awaited later, and may be rejected before. */
function inBackground<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Writes to the graph first, and then marks the rows in Postgres. */
export function createMirror({ graph, source, onRefused }: MirrorDeps): Mirror {
  const refusals = createRefusals(onRefused);
  let perKind = FIRST_PER_KIND;

  async function markAll(turn: MirrorTurn, batches: readonly MirrorBatch[]): Promise<boolean> {
    for (const batch of batches) if (!(await source.mark(turn, batch))) return false;
    return true;
  }

  /** Returns the pieces that the graph has accepted. */
  async function write(turn: MirrorTurn, batch: MirrorBatch): Promise<MirrorBatch[]> {
    const written: MirrorBatch[] = [];
    const on = {
      write: (piece: MirrorBatch) => graph.write(turn, piece),
      written(piece: MirrorBatch) {
        written.push(piece);
        refusals.noteWritten();
      },
      refused: refusals.note,
    };
    try {
      await writeInPieces(refusals.without(batch), on);
    } catch (error) {
      await markAll(turn, written);
      throw error;
    }
    return written;
  }

  /** While the graph writes a batch, Postgres marks the one before and reads the one after. */
  async function pass(turn: MirrorTurn, signal: AbortSignal | undefined): Promise<Pass> {
    const startedAt = performance.now();
    let rows = 0;
    let reading = inBackground(source.readUnmirrored({}, perKind));
    let marking = Promise.resolve(true);
    let ended: Pass['ended'] = 'not yet';
    try {
      while (performance.now() - startedAt < PASS_MS) {
        const { batch, next } = await reading;
        if (sizeOf(batch) === 0) ended = 'done';
        else if (signal?.aborted) ended = 'stopped';
        if (ended !== 'not yet') break;
        reading = inBackground(source.readUnmirrored(next, perKind));
        const written = await write(turn, batch);
        if (!(await marking)) return { rows, ended: 'busy' };
        marking = inBackground(markAll(turn, written));
        rows += written.reduce((sum, piece) => sum + sizeOf(piece), 0);
        perKind = Math.min(perKind * 2, MOST_PER_KIND);
      }
      return { rows, ended: (await marking) ? ended : 'busy' };
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
        if (ended !== 'not yet') return { rows: total, ended };
      }
    } catch (error) {
      perKind = FIRST_PER_KIND;
      throw error;
    }
  }

  return { drain: (signal) => drain(source, (turn) => drainInTurn(turn, signal)) };
}

async function drain(
  source: MirrorDeps['source'],
  drainInTurn: (turn: MirrorTurn) => Promise<Drain>,
): Promise<Drain> {
  let turn = await source.takeTurn(null, 0);
  while (turn !== null) {
    const taken: MirrorTurn = turn;
    try {
      return await drainInTurn(taken);
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
}
