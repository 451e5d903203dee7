import { uuidv7 } from '@contour/contract';
import type { Queue } from 'bullmq';
import { ringBells } from '../presence/shard-bells.ts';
import type { FailFastRedis, OnError } from '../redis/connect.ts';
import { type Consumer, createConsumer } from './consumer.ts';

/** BullMQ keeps one job per id waiting. One that is added during a run is kept until the run ends. */
const wakeUpOf = (id: string) => ({
  jobId: uuidv7(),
  deduplication: { id, keepLastIfActive: true },
});

/** Jobs that say "look now". Postgres knows the work, so losing one only costs time. */
export function createWakeUps(
  { client, ask }: FailFastRedis,
  { deliver, graph }: { deliver: Queue; graph: Queue },
) {
  async function wakeDeliver(shards: readonly number[]): Promise<void> {
    await deliver.addBulk(
      shards.map((shard) => ({
        name: 'deliver',
        data: { shard },
        opts: wakeUpOf(`shard-${shard}`),
      })),
    );
  }

  return {
    /** Adds at most one waiting job per shard. A wake-up during a shard's run makes it run once more. */
    wakeDeliver: (shards: readonly number[]) => ask(() => wakeDeliver(shards)),
    /** Rings the bells of shards that have something new. Wakes the shards that no worker listens for. */
    ringDeliver: (shards: readonly number[]) =>
      ask(async () => {
        // A Redis that forbids PUBLISH has no bells. The queue works without them.
        const unheard = await ringBells(client, shards).catch(() => shards);
        if (unheard.length > 0) await wakeDeliver(unheard);
      }),
    /** Adds at most one waiting job. A wake-up during a run makes it run once more. */
    wakeGraph: () =>
      ask(async () => {
        await graph.add('graph', {}, wakeUpOf('graph'));
      }),
  };
}

/**
 * Runs woken shards. A run that throws is reported and not retried, but the shard can be woken again. After a lost lock
 * or a wiped Redis the same shard may run twice at the same time, so `run` must allow it.
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

/**
 * Runs when the mirror has to be updated, once at a time. After a lost lock or a wiped Redis another worker may run it
 * at the same time, so `run` must allow it.
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
