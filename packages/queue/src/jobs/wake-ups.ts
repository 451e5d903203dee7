import { uuidv7 } from '@contour/contract';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  connectPatient,
  type FailFastRedis,
  type RedisAccess,
  runPipeline,
  settlesWithin,
} from '../redis/connect.ts';
import { createConsumer } from './consumer.ts';

const BELL = 'contour:bell:';
const bellOf = (shard: number) => `${BELL}${shard}`;
const DEAF_WITHIN_MS = 500;

export type ShardBells = ReturnType<typeof createShardBells>;

/** A pub/sub channel per shard. The worker that delivers a shard listens, and needs no wake-up job. */
export function createShardBells(o: RedisAccess & { onRing: (shard: number) => void }) {
  const { client, disconnect } = connectPatient(o.redisUrl);
  client.on('error', o.onError);
  client.on('message', (bell) => o.onRing(Number(bell.slice(BELL.length))));
  return {
    listen(shard: number): void {
      client.subscribe(bellOf(shard)).catch(() => undefined);
    },
    /** Settles when the shard is no longer heard, or after half a second without an answer from Redis. */
    async stopListening(shard: number): Promise<void> {
      const deaf = client.unsubscribe(bellOf(shard)).catch(() => undefined);
      await settlesWithin(deaf, DEAF_WITHIN_MS);
    },
    close: disconnect,
  };
}

/** Returns the shards that no worker listens for. */
async function ringBells(client: Redis, shards: readonly number[]): Promise<number[]> {
  const pipeline = client.pipeline();
  for (const shard of shards) pipeline.publish(bellOf(shard), '');
  const listeners = await runPipeline(pipeline);
  return shards.filter((_, index) => Number(listeners[index]) === 0);
}

/** BullMQ keeps one job per id waiting. One that is added during a run is kept until the run ends. */
const wakeUpOf = (id: string) => ({
  jobId: uuidv7(),
  deduplication: { id, keepLastIfActive: true },
});

/** Jobs and bells that say "look now". Postgres knows the work, so losing one only costs time. */
export function createWakeUps({ client, ask }: FailFastRedis, deliver: Queue, graph: Queue) {
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

interface DeliverConsumerOptions extends RedisAccess {
  concurrency: number;
  run: (shard: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Runs woken shards. A run that throws is reported and not retried, but the shard can be woken again. After a lost lock
 * or a wiped Redis the same shard may run twice at the same time, so `run` must allow it.
 */
export const createDeliverConsumer = ({ run, ...o }: DeliverConsumerOptions) =>
  createConsumer<{ shard: number }>({
    ...o,
    queue: 'deliver',
    process: (job, _token, signal) => run(job.data.shard, signal as AbortSignal),
  });

/** As above, for the one update of the mirror: `run` must allow a second run, of another worker, at the same time. */
export const createGraphConsumer = ({
  run,
  ...o
}: RedisAccess & { run: (signal: AbortSignal) => Promise<void> }) =>
  createConsumer<unknown>({
    ...o,
    queue: 'graph',
    concurrency: 1,
    process: (_job, _token, signal) => run(signal as AbortSignal),
  });
