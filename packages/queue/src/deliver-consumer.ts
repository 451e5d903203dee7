import type { OnError } from './connection.ts';
import { type Consumer, createConsumer } from './consumer.ts';

/**
 * Runs woken shards. A run that throws is reported and not repeated by itself: the shard's next
 * wake-up is free to come. The same shard may be run twice at once after a lost lock or a wiped
 * Redis, so `run` must bear it.
 */
export function createDeliverConsumer(o: {
  redisUrl: string;
  concurrency: number;
  onError: OnError;
  run: (shard: number, signal: AbortSignal) => Promise<void>;
}): Consumer {
  return createConsumer<{ shard: number }>({
    ...o,
    queue: 'deliver',
    process: (job, _token, signal) => o.run(job.data.shard, signal as AbortSignal),
  });
}
