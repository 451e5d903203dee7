import type { OnError } from './connection.ts';
import { type Consumer, createConsumer } from './consumer.ts';

/**
 * Runs when the graph has to be brought up to date, once at a time. After a lost lock or a wiped
 * Redis somebody else may be running too, so `run` must bear it.
 */
export function createGraphConsumer(o: {
  redisUrl: string;
  onError: OnError;
  run: (signal: AbortSignal) => Promise<void>;
}): Consumer {
  return createConsumer<unknown>({
    ...o,
    queue: 'graph',
    concurrency: 1,
    process: (_job, _token, signal) => o.run(signal as AbortSignal),
  });
}
