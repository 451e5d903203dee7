import type { MirrorBatch } from '@contour/contract';
import { isRefusal } from './connection.ts';

/** How many rows and removals a batch has. */
export const sizeOf = (batch: MirrorBatch): number =>
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

/** Writes a batch. If the graph refuses it, writes its halves, and so on down to the refused rows. */
export async function writeInPieces(
  batch: MirrorBatch,
  on: {
    write: (piece: MirrorBatch) => Promise<void>;
    written: (piece: MirrorBatch) => void;
    refused: (row: MirrorBatch, error: unknown) => void;
  },
): Promise<void> {
  const size = sizeOf(batch);
  if (size === 0) return;
  try {
    await on.write(batch);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (size === 1) return on.refused(batch, error);
    for (const half of halves(batch)) await writeInPieces(half, on);
    return;
  }
  on.written(batch);
}
