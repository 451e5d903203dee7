import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  DelegateBackoff,
  handleWhenResult,
  isBrokenCircuitError,
} from 'cockatiel';

/** Consecutive failures that open the circuit. */
const THRESHOLD = 20;
/** The pauses before the next probe: 1 s, 2 s, 4 s, 8 s, then 15 s each. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 15_000;

export type Circuit = 'closed' | 'open' | 'half_open';

/** `unknown` is a task that ended without learning anything about the other side. */
export type Health = 'up' | 'down' | 'unknown';

/** What `run` answers instead of running a task. */
export const HELD = Symbol('held');

export interface BreakerOptions<T> {
  judge: (result: T) => Health;
  onChange?: ((circuit: Circuit) => void) | undefined;
  threshold?: number;
  firstPauseMs?: number;
  maxPauseMs?: number;
}

export interface Breaker<T> {
  readonly state: Circuit;
  /** True when a task would run now: the circuit is closed, or its next probe is due and nobody's yet. */
  available(): boolean;
  run(task: () => Promise<T>): Promise<T | typeof HELD>;
}

interface Judged<T> {
  result: T;
  down: boolean;
}

const CIRCUITS: Record<CircuitState, Circuit> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'open',
};

/** A circuit breaker that never queues: what may not pass now is told so at once. */
export function createBreaker<T>(options: BreakerOptions<T>): Breaker<T> {
  const { judge, onChange, threshold = THRESHOLD } = options;
  const { firstPauseMs = FIRST_PAUSE_MS, maxPauseMs = MAX_PAUSE_MS } = options;
  let probeDueAt = 0;
  // cockatiel makes others wait for the probe in flight and then run; here they are turned away.
  let probing = false;

  const policy = circuitBreaker(
    handleWhenResult((judged) => (judged as Judged<T>).down),
    {
      breaker: new ConsecutiveBreaker(threshold),
      halfOpenAfter: new DelegateBackoff(({ attempt }) => {
        const pauseMs = Math.min(firstPauseMs * 2 ** (attempt - 1), maxPauseMs);
        probeDueAt = Date.now() + pauseMs;
        return pauseMs;
      }),
    },
  );
  policy.onStateChange((state) => onChange?.(CIRCUITS[state]));

  const available = () =>
    policy.state === CircuitState.Closed || (!probing && Date.now() >= probeDueAt);

  async function run(task: () => Promise<T>): Promise<T | typeof HELD> {
    if (!available()) return HELD;
    const isProbe = policy.state !== CircuitState.Closed;
    probing = isProbe;
    try {
      const { result } = await policy.execute(() => judged(task, isProbe));
      return result;
    } catch (error) {
      if (isBrokenCircuitError(error)) return HELD;
      if (error instanceof Unjudged) return error.result as T;
      throw error;
    } finally {
      if (isProbe) probing = false;
    }
  }

  async function judged(task: () => Promise<T>, isProbe: boolean): Promise<Judged<T>> {
    const result = await task();
    const health = judge(result);
    // An error that the policy does not handle leaves a closed circuit's count alone, but would close an
    // open one: a probe that learned nothing has therefore to count as failed.
    if (health === 'unknown' && !isProbe) throw new Unjudged(result);
    return { result, down: health !== 'up' };
  }

  return {
    get state() {
      return CIRCUITS[policy.state];
    },
    available,
    run,
  };
}

/** Carries a result past the breaker's count. */
class Unjudged extends Error {
  readonly result: unknown;
  constructor(result: unknown) {
    super('not judged');
    this.result = result;
  }
}
