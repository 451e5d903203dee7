export interface Batcher<I, O> {
  /** An item that may wait goes with the next item that may not, or after `mayWaitMs`. */
  push(item: I, mayWaitMs?: number): Promise<O>;
}

interface Waiting<I, O> {
  item: I;
  resolve: (result: O) => void;
  reject: (error: unknown) => void;
}

/**
 * Batches form while `maxInFlight` runs are under way: the next run takes all items that have arrived meanwhile. Only
 * items that may wait need a timer. An idle batcher starts after the current turn of the event loop. So a single item
 * does not wait, and items that arrived together over many connections go together.
 */
export function createBatcher<I, O>(options: {
  /** One result per item, in the items' order. */
  run: (items: I[]) => Promise<O[]>;
  maxSize: number;
  maxInFlight: number;
}): Batcher<I, O> {
  const { run, maxSize, maxInFlight } = options;
  const waiting: Waiting<I, O>[] = [];
  let inFlight = 0;
  let scheduled = false;
  let timer: NodeJS.Timeout | undefined;
  let isDue = false;

  function push(item: I, mayWaitMs = 0): Promise<O> {
    return new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (mayWaitMs > 0) timer ??= setTimeout(start, mayWaitMs);
      else if (!scheduled) {
        scheduled = true;
        setImmediate(start);
      }
    });
  }

  function start(): void {
    scheduled = false;
    isDue = waiting.length > 0;
    startRuns();
  }

  function takeBatch(): Waiting<I, O>[] {
    const batch = waiting.splice(0, maxSize);
    if (waiting.length === 0) {
      isDue = false;
      clearTimeout(timer);
      timer = undefined;
    }
    return batch;
  }

  function startRuns(): void {
    while (isDue && inFlight < maxInFlight && waiting.length > 0) void runBatch(takeBatch());
  }

  async function runBatch(batch: Waiting<I, O>[]): Promise<void> {
    inFlight += 1;
    try {
      const results = await run(batch.map(({ item }) => item));
      if (results.length !== batch.length) {
        throw new Error(`a batch of ${batch.length} got ${results.length} results`);
      }
      batch.forEach(({ resolve }, index) => void resolve(results[index] as O));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    inFlight -= 1;
    startRuns();
  }

  return { push };
}

/** Thrown by `within`. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Bounds the wait for `promise`, not its work. `what` names the server in the error: "postgres". */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // The error is made only when it is needed, because its stack is expensive.
    const giveUp = () => reject(new TimeoutError(`${what} did not answer within ${ms} ms`));
    timer = setTimeout(giveUp, ms).unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
