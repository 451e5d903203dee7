import { setTimeout as delay } from 'node:timers/promises';

/** The time between the word to stop and the closing of the door. */
export interface Departure {
  hasBegun(): boolean;
  /** Goes on answering for so long, while whoever shares out the requests finds out. */
  begin(ms: number, signal: AbortSignal): Promise<void>;
}

export function createDeparture(): Departure {
  let hasBegun = false;
  return {
    hasBegun: () => hasBegun,
    async begin(ms, signal) {
      hasBegun = true;
      await delay(ms, undefined, { signal }).catch(() => undefined);
    },
  };
}
