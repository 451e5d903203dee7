/** Longer than the longest rest. After this long without a failure an account is resolved with the others again. */
const SUSPECT_MS = 45_000;
/** Bounds the memory. Beyond that the oldest suspect is forgotten. */
const MOST_SUSPECTS = 1_000;

/** Accounts of which a message has just failed alone, as one worker remembers them. */
export interface Suspects {
  note(account: string): void;
  has(account: string): boolean;
  /** Forgets all suspects, because Postgres is slow for all. */
  clear(): void;
}

export function createSuspects(nowMs: () => number = () => performance.now()): Suspects {
  const until = new Map<string, number>();
  return {
    note(account) {
      until.delete(account);
      until.set(account, nowMs() + SUSPECT_MS);
      if (until.size <= MOST_SUSPECTS) return;
      for (const oldest of until.keys()) {
        until.delete(oldest);
        break;
      }
    },
    has(account) {
      const end = until.get(account);
      if (end === undefined) return false;
      if (nowMs() < end) return true;
      until.delete(account);
      return false;
    },
    clear: () => until.clear(),
  };
}
