import {
  MIRROR_KINDS,
  type MirrorBatch,
  type MirrorKey,
  mirrorKeyOf,
  mirrorKeyText,
} from '@contour/contract';

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
export function createRefusals(onRefused: (refusal: Refusal) => void, nowMs = () => Date.now()) {
  const restUntil = new Map<string, number>();
  let inARow = 0;

  const isResting = (text: string) => (restUntil.get(text) ?? 0) > nowMs();
  const nameOf = (kind: string, key: MirrorKey, version: string) =>
    `${kind} ${mirrorKeyText(key)} ${version}`;

  return {
    /** The batch without rows that were refused in the last minute and have not changed since. */
    without(batch: MirrorBatch): MirrorBatch {
      if (restUntil.size === 0) return batch;
      const isFree = (kind: string, key: MirrorKey, version: string) =>
        !isResting(nameOf(kind, key, version));
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
        restUntil.set(nameOf(kind, key, version), nowMs() + REST_MS);
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
