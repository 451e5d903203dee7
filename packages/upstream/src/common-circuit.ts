import { type Circuit, type CircuitOptions, createCircuit, type Health } from './circuit.ts';

/** After this many keys a round of probes starts again, which bounds its memory. */
const MAX_PROBED = 1000;

export interface CommonCircuitOptions extends CircuitOptions {
  threshold: number;
  quietMs: number;
}

export interface CommonCircuit extends Pick<Circuit, 'isOpen' | 'room'> {
  begin(key: string): (health: Health) => void;
  /** Counts a failure. Returns true if it has opened the circuit. */
  fail(key: string): boolean;
  succeed(): void;
  /** Keys that have had a probe since the circuit opened, or since the round began. */
  probed(): Iterable<string>;
  startRound(): boolean;
}

/**
 * The circuit of all keys together. It opens after a number of failures without a success of any key, and not within
 * `quietMs` of one. A key counts for at most half of the failures, so that one key alone does not hold the others back.
 */
export function createCommonCircuit(options: CommonCircuitOptions): CommonCircuit {
  const { threshold, quietMs, now } = options;
  const mostOfOne = Math.ceil(threshold / 2);
  let circuit = createCircuit(options);
  /** Failures since the last success, by key. */
  const failures = new Map<string, number>();
  let failureCount = 0;
  let succeededAt = Number.NEGATIVE_INFINITY;
  const probed = new Set<string>();

  const forgetFailures = (): void => {
    if (failureCount > 0) failures.clear();
    failureCount = 0;
  };

  return {
    isOpen: () => circuit.isOpen(),
    room: () => circuit.room(),
    begin(key) {
      if (circuit.isOpen()) {
        if (probed.size >= MAX_PROBED) probed.clear();
        probed.add(key);
      }
      return circuit.begin();
    },
    fail(key) {
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
    succeed() {
      forgetFailures();
      succeededAt = now();
      if (!circuit.isOpen()) return;
      circuit.close();
      circuit = createCircuit(options);
      probed.clear();
    },
    probed: () => probed,
    startRound() {
      const hadBegun = probed.size > 0;
      probed.clear();
      return hadBegun;
    },
  };
}
