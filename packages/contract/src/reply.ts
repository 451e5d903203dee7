import type { Outcome } from './outcomes.ts';

/** What a worker tells the API process that waits: JSON on that process's own pub/sub channel. */
export interface Reply {
  requestId: string;
  outcome: Outcome;
  /** For what was not accepted: whether the dead-letter queue has it. */
  parked: boolean;
}
