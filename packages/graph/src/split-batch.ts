import type { MirrorBatch } from '@contour/contract';

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

/** A batch in two, to find the row that the whole is refused for. */
export function halves(batch: MirrorBatch): [MirrorBatch, MirrorBatch] {
  const size = sizeOf(batch);
  const middle = size >> 1;
  return [slice(batch, 0, middle), slice(batch, middle, size)];
}
