import {
  MIRROR_KINDS,
  type MirrorBatch,
  type MirrorKey,
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

  /** Writes a batch. If the graph refuses it, writes its halves, and so on down to the refused rows. */
  async function writeInPieces(turn: MirrorTurn, batch: MirrorBatch, written: MirrorBatch[]) {
    if (sizeOf(batch) === 0) return;
    try {
      await graph.write(turn, batch);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (sizeOf(batch) === 1) return refusals.note(batch, error);
      for (const half of halves(batch)) await writeInPieces(turn, half, written);
      return;
    }
    written.push(batch);
    refusals.noteWritten();
  }

  /** Returns the pieces that the graph has accepted. */
  async function write(turn: MirrorTurn, batch: MirrorBatch): Promise<MirrorBatch[]> {
    const written: MirrorBatch[] = [];
    try {
      await writeInPieces(turn, refusals.without(batch), written);
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

/** How many rows and removals a batch has. */
const sizeOf = (batch: MirrorBatch): number =>
  Object.values(batch).reduce((sum, rows) => sum + rows.length, 0);

function slice(batch: MirrorBatch, from: number, to: number): MirrorBatch {
  const { clients, identities, dialogs, removals } = batch;
  let offset = 0;
  const part = <Row>(rows: Row[]): Row[] => {
    const taken = rows.slice(Math.max(0, from - offset), Math.max(0, to - offset));
    offset += rows.length;
    return taken;
  };
  return {
    clients: part(clients),
    identities: part(identities),
    dialogs: part(dialogs),
    removals: part(removals),
  };
}

/** Halves a batch, to find the row for which the graph refuses it. */
function halves(batch: MirrorBatch): [MirrorBatch, MirrorBatch] {
  const size = sizeOf(batch);
  const middle = size >> 1;
  return [slice(batch, 0, middle), slice(batch, middle, size)];
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

/** Remembers refused rows, because finding one among two thousand costs a dozen transactions. */
function createRefusals(onRefused: (refusal: Refusal) => void) {
  const restUntil = new Map<string, number>();
  let inARow = 0;

  const nameOf = (kind: string, key: MirrorKey, version: string) =>
    `${kind} ${mirrorKeyText(key)} ${version}`;

  return {
    /** The batch without rows that were refused in the last minute and have not changed since. */
    without(batch: MirrorBatch): MirrorBatch {
      if (restUntil.size === 0) return batch;
      const isFree = (kind: string, key: MirrorKey, version: string) =>
        (restUntil.get(nameOf(kind, key, version)) ?? 0) <= Date.now();
      return {
        clients: batch.clients.filter((c) => isFree('clients', mirrorKeyOf(c), c.changed_at)),
        identities: batch.identities.filter((i) =>
          isFree('identities', mirrorKeyOf(i), i.changed_at),
        ),
        dialogs: batch.dialogs.filter((d) => isFree('dialogs', mirrorKeyOf(d), d.changed_at)),
        removals: batch.removals.filter((r) => isFree(r.kind, r, r.seq)),
      };
    },
    /** Notes that the only row of this batch was refused. Throws the error after too many refusals in a row. */
    note(batch: MirrorBatch, error: unknown): void {
      inARow += 1;
      if (inARow > MAX_IN_A_ROW) {
        inARow = 0;
        throw error;
      }
      if (restUntil.size >= MAX_REMEMBERED) restUntil.clear();
      const refuse = (kind: string, key: MirrorKey, version: string) => {
        restUntil.set(nameOf(kind, key, version), Date.now() + REST_MS);
        onRefused({ kind, key, error });
      };
      for (const kind of MIRROR_KINDS) {
        for (const row of batch[kind]) refuse(kind, mirrorKeyOf(row), row.changed_at);
      }
      for (const removal of batch.removals) refuse(removal.kind, removal, removal.seq);
    },
    noteWritten(): void {
      inARow = 0;
    },
  };
}
