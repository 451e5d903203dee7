import {
  MIRROR_KINDS,
  type MirrorBatch,
  type MirrorKey,
  mirrorKeyOf,
  mirrorKeyText,
} from '@contour/contract';

const REST_MS = 60_000;
const MAX_REMEMBERED = 10_000;
/** So many in a row are not at fault one by one: it is the server that is not well. */
const MAX_IN_A_ROW = 20;

/** What the graph did not take: a row, or a removal. */
export interface Refusal {
  kind: string;
  key: MirrorKey;
  error: unknown;
}

/** Remembers what was refused: to find it again among two thousand rows costs a dozen transactions. */
export function createRefusals(onRefused: (refusal: Refusal) => void, nowMs = () => Date.now()) {
  const restUntil = new Map<string, number>();
  let inARow = 0;

  const isResting = (text: string) => (restUntil.get(text) ?? 0) > nowMs();
  const nameOf = (kind: string, key: MirrorKey, version: string) =>
    `${kind} ${mirrorKeyText(key)} ${version}`;

  return {
    /** A batch without what was refused a while ago, and has not changed since. */
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
    /** Takes the one row of a batch for refused; throws the error when too many were, one after another. */
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
