import { createExpiringKeys } from './expiring-keys.ts';

/** Longer than the longest rest. After this long without a failure an account goes with the others again. */
const SUSPECT_MS = 45_000;
/** Bounds the memory. Beyond that the oldest suspect is forgotten. */
const MOST_SUSPECTS = 1_000;

/** Accounts, or tenants, of which a message has just failed alone, as one worker remembers them. */
export interface Suspects {
  note(account: string): void;
  has(account: string): boolean;
  /** Forgets all suspects, because Postgres is slow for all. */
  clear(): void;
}

export function createSuspects(nowMs?: () => number): Suspects {
  const suspects = createExpiringKeys(MOST_SUSPECTS, nowMs);
  return {
    note: (account) => suspects.add(account, SUSPECT_MS),
    has: (account) => suspects.leftMs(account) > 0,
    clear: suspects.clear,
  };
}
