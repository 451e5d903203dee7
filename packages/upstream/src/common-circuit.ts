import { type CircuitOptions, createCircuit } from './circuit.ts';

/** After this many keys a round of probes starts again, which bounds its memory. */
const MAX_PROBED = 1000;

/**
 * The circuit of all keys together. It opens after a number of failures without a success of any key, and not within
 * `quietMs` of one. A key counts for at most half of the failures, so that one key alone does not hold the others back.
 */
export function createCommonCircuit(
  options: CircuitOptions & { threshold: number; quietMs: number },
) {
  const { threshold, quietMs, now } = options;
  const mostOfOne = Math.ceil(threshold / 2);
  let circuit = createCircuit(options);
  /** Failures since the last success, by key. */
  const failures = new Map<string, number>();
  let failureCount = 0;
  let succeededAt = Number.NEGATIVE_INFINITY;
  /** Keys that have had a probe since the circuit opened, or since the round began. */
  const probed: Set<string> = new Set();

  const forgetFailures = (): void => {
    if (failureCount > 0) failures.clear();
    failureCount = 0;
  };

  return {
    isOpen: () => circuit.isOpen(),
    room: () => circuit.room(),
    begin(key: string) {
      if (circuit.isOpen()) {
        if (probed.size >= MAX_PROBED) probed.clear();
        probed.add(key);
      }
      return circuit.begin();
    },
    /** Counts a failure. Returns true if it has opened the circuit. */
    fail(key: string): boolean {
      const ofKey = failures.get(key) ?? 0;
      if (ofKey < mostOfOne) {
        failures.set(key, ofKey + 1);
        failureCount += 1;
      }
      if (failureCount < threshold || now() - succeededAt < quietMs) return false;
      forgetFailures();
      circuit.open();
      return true;
    },
    succeed(): void {
      forgetFailures();
      succeededAt = now();
      if (!circuit.isOpen()) return;
      circuit.close();
      circuit = createCircuit(options);
      probed.clear();
    },
    probed: () => probed.keys(),
    startRound(): boolean {
      const hadBegun = probed.size > 0;
      probed.clear();
      return hadBegun;
    },
  };
}
