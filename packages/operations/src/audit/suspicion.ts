import { setTimeout as delay } from 'node:timers/promises';
import type { Suspect } from '@contour/store/audit';

/** The result of one check. Only `violated` is a broken promise; a warning needs attention. */
export interface AuditFinding {
  check: string;
  promise: string;
  state: 'ok' | 'violated' | 'warning' | 'skipped';
  /** How many rows or entries were checked. */
  looked: number;
  violations: number;
  examples: string[];
  /** Why it was skipped. */
  note?: string;
}

export type Check = Pick<AuditFinding, 'check' | 'promise'>;

/** The finding of a check that ran. `broken` is its state where there are violations. */
export const concluded = (
  { check, promise }: Check,
  looked: number,
  { violations, examples }: Confirmed,
  broken: 'violated' | 'warning' = 'violated',
): AuditFinding => ({
  ...{ check, promise, looked, violations, examples },
  state: violations === 0 ? 'ok' : broken,
});

export const skipped = ({ check, promise }: Check, note: string): AuditFinding => ({
  ...{ check, promise, note },
  ...{ state: 'skipped', looked: 0, violations: 0, examples: [] },
});

const MOST_HELD = 1_000;
const EXAMPLES = 5;

// By the last look, work in flight has moved on: a replay, a lane that is about to be delivered, a page
// of Redis that was read shortly before its rows in Postgres.
const LOOKS = 4;
const PAUSE_MS = 1_500;

type Confirmed = Pick<AuditFinding, 'violations' | 'examples'>;

/** Passes the time between two looks. */
export type Pause = () => Promise<unknown>;

/**
 * Holds suspects until they have been looked at again, several times: in a live installation, only what
 * stays is a violation. When a full thousand has been confirmed, all later suspects are believed at once,
 * because confirming a million of them would take a day.
 */
export function createSuspicion(
  lookAgain: (suspects: readonly Suspect[]) => Promise<Suspect[]>,
  pause: Pause = () => delay(PAUSE_MS),
) {
  const confirmed: Confirmed = { violations: 0, examples: [] };
  let held: Suspect[] = [];
  let isBelieved = false;

  const confirm = (suspects: readonly Suspect[]) => {
    confirmed.violations += suspects.length;
    const room = EXAMPLES - confirmed.examples.length;
    confirmed.examples.push(...suspects.slice(0, room).map(exampleOf));
  };

  const settle = async (): Promise<void> => {
    const before = held.length;
    for (let look = 1; look <= LOOKS && held.length > 0; look += 1) {
      await pause();
      held = await lookAgain(held);
    }
    isBelieved = before >= MOST_HELD && held.length === before;
    confirm(held);
    held = [];
  };

  return {
    async add(suspects: readonly Suspect[]): Promise<void> {
      if (isBelieved) return confirm(suspects);
      held.push(...suspects);
      if (held.length >= MOST_HELD) await settle();
    },
    /** The suspects that are left after the last look. */
    async end(): Promise<Confirmed> {
      await settle();
      return confirmed;
    },
  };
}

const exampleOf = ({ tenantId, detail }: Suspect) =>
  tenantId === '' ? detail : `${detail} (tenant ${tenantId})`;
