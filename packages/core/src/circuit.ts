export type CircuitState = 'closed' | 'open' | 'half_open';

/** What an attempt shows about Core; `unknown` if it showed nothing. */
export type Health = 'up' | 'down' | 'unknown';

export interface CircuitOptions {
  firstPauseMs: number;
  maxPauseMs: number;
  /** How many attempts may be under way at once while the circuit is open. */
  probes: number;
  /** A clock that never goes back. */
  now: () => number;
}

/** Holds attempts back once it is open: a pause, then a few probes; each failed round doubles the pause. */
export interface Circuit {
  state(): CircuitState;
  open(): void;
  /** How many attempts may begin now; without a limit while the circuit is closed. */
  room(): number;
  /** Begins an attempt, and returns the round of probes that it belongs to: 0 while the circuit is closed. */
  begin(): number;
  /** Ends an attempt of this round. Returns true if it opened the circuit again for the next pause. */
  end(round: number, health: Health): boolean;
}

/**
 *   round of probes   1    2    3    4    5 and later
 *   pause before it   1 s  2 s  4 s  8 s  15 s
 *
 * A success closes a circuit for good: its owner drops it.
 */
export function createCircuit(options: CircuitOptions): Circuit {
  const { firstPauseMs, maxPauseMs, probes, now } = options;
  let round = 0;
  let probeAt = 0;
  let probing = 0;

  const open = () => {
    round += 1;
    probeAt = now() + Math.min(firstPauseMs * 2 ** (round - 1), maxPauseMs);
  };

  return {
    state() {
      if (round === 0) return 'closed';
      return probing > 0 ? 'half_open' : 'open';
    },
    open,
    room() {
      if (round === 0) return Number.POSITIVE_INFINITY;
      return now() < probeAt ? 0 : Math.max(0, probes - probing);
    },
    begin() {
      if (round > 0) probing += 1;
      return round;
    },
    end(ofRound, health) {
      if (ofRound > 0) probing -= 1;
      // Other probes of a failed round, and attempts from before the opening, do not lengthen the pause.
      const hasFailed = health === 'down' && ofRound > 0 && ofRound === round;
      if (hasFailed) open();
      return hasFailed;
    },
  };
}
