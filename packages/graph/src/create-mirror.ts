import type { MirrorBatch, MirrorSource, MirrorTurn } from '@contour/contract';
import type { Graph } from './create-graph.ts';
import { createRefusals, type Refusal } from './refusals.ts';
import { sizeOf } from './split-batch.ts';
import { TurnLost } from './turn-lost.ts';
import { writeInPieces } from './write-in-pieces.ts';

/** Of each kind: a new client comes with an identity and a dialog, which makes 1 950 rows in all. */
const MOST_PER_KIND = 650;
/** What a server that has just started, or is hardly well, can still write in time. */
const FIRST_PER_KIND = 40;
/** A pass goes forward only: what is committed behind it, or was locked, is for the next one. */
const PASS_MS = 3_000;

interface MirrorDeps {
  graph: Pick<Graph, 'prepare' | 'write'>;
  source: Pick<MirrorSource, 'takeTurn' | 'endTurn' | 'readUnmirrored' | 'mark'>;
  /** Hears of what the graph does not take. It is tried again now and then, and holds up no other. */
  onRefused: (refusal: Refusal) => void;
}

export interface Drain {
  rows: number;
  /** `busy`: somebody else has the turn, and sees to all that there is. */
  ended: 'done' | 'busy' | 'stopped';
}

export interface Mirror {
  /** Brings the graph up to date, batch by batch; throws AppError when one of the two is away. */
  drain(signal?: AbortSignal): Promise<Drain>;
}

/** A promise that is awaited later, and may be rejected before. */
function inBackground<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Postgres tells what the graph does not show yet; the graph is written before Postgres marks it. */
export function createMirror({ graph, source, onRefused }: MirrorDeps): Mirror {
  const refusals = createRefusals(onRefused);
  let perKind = FIRST_PER_KIND;

  async function markAll(turn: MirrorTurn, batches: readonly MirrorBatch[]): Promise<boolean> {
    for (const batch of batches) if (!(await source.mark(turn, batch))) return false;
    return true;
  }

  /** Writes what can be written, and resolves with the pieces once all of it was tried. */
  async function write(turn: MirrorTurn, batch: MirrorBatch): Promise<MirrorBatch[]> {
    const written: MirrorBatch[] = [];
    try {
      await writeInPieces(refusals.without(batch), {
        write: (piece) => graph.write(turn, piece),
        written: (piece) => {
          written.push(piece);
          refusals.noteWritten();
        },
        refused: refusals.note,
      });
    } catch (error) {
      // What is there is there, though the rest is not.
      await markAll(turn, written);
      throw error;
    }
    return written;
  }

  /**
   * From the longest waiting on, for a few seconds at most. While the graph writes a batch, Postgres
   * marks the one before and reads the one after.
   */
  async function pass(
    turn: MirrorTurn,
    signal: AbortSignal | undefined,
  ): Promise<{ rows: number; ended: Drain['ended'] | 'not yet' }> {
    const startedAt = performance.now();
    let rows = 0;
    let reading = inBackground(source.readUnmirrored({}, perKind));
    let marking = Promise.resolve(true);
    let ended: Drain['ended'] | 'not yet' = 'not yet';
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
      // Nothing of this pass is still under way when another begins.
      await Promise.allSettled([reading, marking]);
    }
  }

  async function drainInTurn(turn: MirrorTurn, signal: AbortSignal | undefined): Promise<Drain> {
    await graph.prepare();
    for (let total = 0; ; ) {
      const { rows, ended } = await pass(turn, signal);
      total += rows;
      if (ended !== 'not yet') return { rows: total, ended };
    }
  }

  return {
    async drain(signal) {
      let turn = await source.takeTurn(null, 0);
      while (turn !== null) {
        const taken: MirrorTurn = turn;
        try {
          return await drainInTurn(taken, signal);
        } catch (error) {
          perKind = FIRST_PER_KIND;
          if (!(error instanceof TurnLost)) throw error;
          // Somebody else has the turn by now, or Postgres came back from a backup and counts from an
          // older one: then the next has to be later than any that the graph has seen.
          turn = await source.takeTurn(taken, error.latest);
        } finally {
          // Where Postgres is away it runs out by itself.
          await source.endTurn(taken).catch(() => undefined);
        }
      }
      return { rows: 0, ended: 'busy' };
    },
  };
}
