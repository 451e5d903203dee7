import { type Circuit, type CircuitState, createCircuit, type Health } from './circuit.ts';
import { createCommonCircuit } from './common-circuit.ts';

const DEFAULTS = {
  /** Consecutive failures that open a circuit. */
  threshold: 20,
  firstPauseMs: 1000,
  maxPauseMs: 15_000,
  /** More than one, so that one attempt that hangs does not decide for all. */
  probes: 3,
  /** The common circuit opens only after this long without a success: failures of few keys may come in a burst. */
  quietMs: 250,
  /** A clock that never goes back, in milliseconds. */
  now: () => performance.now(),
};

export interface CircuitsOptions extends Partial<typeof DEFAULTS> {
  /** `key` is undefined for the common circuit. */
  onChange?: (state: CircuitState, key: string | undefined) => void;
}

/** How many attempts may begin now. */
interface Limits {
  /** Attempts of all keys together; infinite while the common circuit is closed. */
  total: number;
  /** Attempts of a key that is not listed. */
  perKey: number;
  /** Keys that may send less than that. */
  rooms: Array<{ key: string; room: number }>;
}

/** An attempt under way. */
export interface Pass {
  key: string;
  endOwn: ((health: Health) => void) | undefined;
  endCommon: (health: Health) => void;
  /** When the key's failures began, if it had any since its last success. */
  failingSince: number | undefined;
}

interface Trouble {
  circuit: Circuit;
  since: number;
  /** Since the key's last success. */
  failures: number;
}

/**
 * A circuit for each key, such as a tenant, and a common one. A key's circuit opens after consecutive failures of that
 * key. While it is open, the key's failures do not count for the common circuit. A key without failures takes no memory.
 */
export function createCircuits(options: CircuitsOptions = {}) {
  const settings = { ...DEFAULTS, ...options };
  const onChangeOf = (key?: string) => (state: CircuitState) => options.onChange?.(state, key);
  const common = createCommonCircuit({ ...settings, onChange: onChangeOf() });
  const troubled = new Map<string, Trouble>();
  let openKeys = 0;
  let hasSucceededSinceOpening = true;

  const succeed = (key: string): void => {
    hasSucceededSinceOpening = true;
    common.succeed();
    const trouble = troubled.get(key);
    if (trouble === undefined) return;
    troubled.delete(key);
    if (trouble.circuit.isOpen()) openKeys -= 1;
    trouble.circuit.close();
  };

  const newTrouble = (key: string): Trouble => {
    const circuit = createCircuit({ ...settings, onChange: onChangeOf(key) });
    const trouble = { circuit, since: settings.now(), failures: 0 };
    troubled.set(key, trouble);
    return trouble;
  };

  const fail = (key: string): void => {
    const trouble = troubled.get(key) ?? newTrouble(key);
    if (trouble.circuit.isOpen()) return;
    trouble.failures += 1;
    // If all keys fail, the failure is not about this key.
    if (common.fail(key)) hasSucceededSinceOpening = false;
    else if (trouble.failures >= settings.threshold) {
      openKeys += 1;
      hasSucceededSinceOpening = false;
      trouble.circuit.open();
    }
  };

  return {
    /** Begins an attempt; undefined while the key, or every key, is held back. */
    enter(key: string): Pass | undefined {
      const trouble = troubled.get(key);
      if (common.room() === 0 || trouble?.circuit.room() === 0) return undefined;
      const failingSince = trouble?.since;
      return { key, endOwn: trouble?.circuit.begin(), endCommon: common.begin(key), failingSince };
    },
    leave({ key, endOwn, endCommon }: Pass, health: Health): void {
      if (health === 'up') {
        succeed(key);
        return;
      }
      const isForAll = common.isOpen();
      endCommon(health);
      // While all keys fail, a failed probe shows nothing about its key.
      endOwn?.(isForAll ? 'unknown' : health);
      if (health === 'down' && !isForAll) fail(key);
    },
    /** False while nothing at all may be sent. */
    available: () => common.room() > 0,
    limits(): Limits {
      const perKey = common.isOpen() ? 1 : Number.POSITIVE_INFINITY;
      const rooms = new Map<string, number>();
      if (openKeys > 0) {
        for (const [key, { circuit }] of troubled) {
          if (circuit.isOpen()) rooms.set(key, Math.min(circuit.room(), perKey));
        }
      }
      for (const key of common.probed()) rooms.set(key, 0);
      const list = [...rooms].map(([key, room]) => ({ key, room }));
      return { total: common.room(), perKey, rooms: list };
    },
    /** Starts a new round of probes, because no other key has anything to send. Returns false if no round had begun. */
    startRound: common.startRound,
    /** `isOpen`: nothing gets through at all. `openKeys`: keys whose own circuit is open. */
    state: () => ({
      isOpen: common.isOpen() || (openKeys > 0 && !hasSucceededSinceOpening),
      openKeys,
    }),
  };
}
