/*
 * An entry that fails for a reason that will not pass rests longer each time, and is given up on by the caller:
 *
 * | failure | 1   | 2   | 3   | 4    | 5    | 6    | 7     | 8 = MAX_TRIES |
 * | rest    | 2 s | 4 s | 8 s | 16 s | 32 s | 64 s | 128 s | none          |
 */
const FIRST_REST_MS = 2_000;
export const MAX_TRIES = 8;

/** An entry that nobody has tried for so long after its rest has left by another way. */
const FORGOTTEN_MS = 10 * 60 * 1000;

/** How often entries have failed. One worker's memory: another one that takes over begins anew. */
export interface ReleaseTries {
  isResting(id: string): boolean;
  /** Returns how often it has failed by now. */
  fail(id: string): number;
  forget(id: string): void;
}

export function createReleaseTries(): ReleaseTries {
  const failed = new Map<string, { tries: number; restsUntil: number }>();
  return {
    isResting: (id) => performance.now() < (failed.get(id)?.restsUntil ?? 0),
    fail(id) {
      const now = performance.now();
      for (const [each, { restsUntil }] of failed) {
        if (restsUntil + FORGOTTEN_MS < now) failed.delete(each);
      }
      const tries = (failed.get(id)?.tries ?? 0) + 1;
      failed.set(id, { tries, restsUntil: now + FIRST_REST_MS * 2 ** (tries - 1) });
      return tries;
    },
    forget: (id) => void failed.delete(id),
  };
}
