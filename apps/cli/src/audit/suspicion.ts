import { setTimeout as delay } from 'node:timers/promises';
import type { Suspect } from '@contour/store';

const MOST_HELD = 1_000;
const EXAMPLES = 5;

// Whatever is in flight has moved on by then: a replay, a lane that is about to go, a page of Redis
// that was read a moment before its rows in Postgres.
const LOOKS = 4;
const PAUSE_MS = 1_500;

interface Confirmed {
  violations: number;
  examples: string[];
}

export interface Suspicion {
  add(suspects: readonly Suspect[]): Promise<void>;
  /** What is left after the last look. */
  end(): Promise<Confirmed>;
}

/**
 * Holds what seems to break a promise until it has been looked at again, several times: in a live
 * installation only what stays is a violation. It holds so many at most; where a whole holding was
 * confirmed, the rest is believed at once, or a thousand thousand would take a day.
 */
export function createSuspicion(
  lookAgain: (suspects: readonly Suspect[]) => Promise<Suspect[]>,
): Suspicion {
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
      await delay(PAUSE_MS);
      held = await lookAgain(held);
    }
    isBelieved = before >= MOST_HELD && held.length === before;
    confirm(held);
    held = [];
  };

  return {
    async add(suspects) {
      if (isBelieved) return confirm(suspects);
      held.push(...suspects);
      if (held.length >= MOST_HELD) await settle();
    },
    async end() {
      await settle();
      return confirmed;
    },
  };
}

const exampleOf = ({ tenantId, detail }: Suspect) =>
  tenantId === '' ? detail : `${detail} (tenant ${tenantId})`;
