/** After this long without a failure an account goes with the others again: longer than the longest rest. */
const SUSPECT_MS = 45_000;
/** More than this many at once are no single tenant's trouble: the oldest is forgotten. */
const MOST_SUSPECTS = 1_000;

/**
 * Accounts, or tenants, of which a message has just failed alone. One worker's memory, in which another account costs
 * nothing.
 */
export interface Suspects {
  note(account: string): void;
  has(account: string): boolean;
  /** Postgres is slow for all: no account is at fault. */
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
