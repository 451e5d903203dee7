export type CircuitState = 'closed' | 'open' | 'half_open';

/** The health of the other service by one attempt; `unknown` if the attempt showed nothing. */
export type Health = 'up' | 'down' | 'unknown';

export interface CircuitOptions {
  firstPauseMs: number;
  maxPauseMs: number;
  /** How many attempts may be under way at once while the circuit is open. */
  probes: number;
  /** A clock that never goes back, in milliseconds. */
  now: () => number;
  onChange: (state: CircuitState) => void;
}

export type Circuit = ReturnType<typeof createCircuit>;

/** An attempt from before the opening does not lengthen the pause. */
const endNoProbe = () => {};

/**
 * Holds attempts back once it is open: a pause, then a few probes; each failed round doubles the pause.
 *
 *   round of probes   1    2    3    4    5 and later
 *   pause before it   1 s  2 s  4 s  8 s  15 s
 */
export function createCircuit(options: CircuitOptions) {
  const { firstPauseMs, maxPauseMs, probes, now, onChange } = options;
  /** 0 while the circuit is closed. */
  let round = 0;
  let probeAt = 0;
  let probing = 0;
  let hasEnded = false;

  const open = () => {
    round += 1;
    probeAt = now() + Math.min(firstPauseMs * 2 ** (round - 1), maxPauseMs);
    onChange('open');
  };

  const endProbe = (ofRound: number, health: Health) => {
    probing -= 1;
    // The other probes of a failed round do not lengthen the pause.
    if (health === 'down' && ofRound === round && !hasEnded) open();
  };

  return {
    isOpen: () => round > 0,
    open,
    /** Ends the circuit: attempts that are still under way change nothing any more. */
    close(): void {
      hasEnded = true;
      if (round > 0) onChange('closed');
    },
    /** How many attempts may begin now; without a limit while the circuit is closed. */
    room(): number {
      if (round === 0) return Number.POSITIVE_INFINITY;
      return now() < probeAt ? 0 : Math.max(0, probes - probing);
    },
    /** Begins an attempt. The returned function ends it. */
    begin(): (health: Health) => void {
      if (round === 0) return endNoProbe;
      probing += 1;
      if (probing === 1) onChange('half_open');
      const ofRound = round;
      return (health) => endProbe(ofRound, health);
    },
  };
}
