import type { MirrorBatch } from '@contour/contract';
import { isRefusal } from './graph-error.ts';
import { halves, sizeOf } from './split-batch.ts';

/**
 * Writes a batch, or halves of halves of it until the row that the graph refuses stands alone. What
 * was written is told piece by piece.
 */
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
