import type { QueueFacts } from '@contour/queue/jobs';
import type { Backlog } from '@contour/queue/limits';
import type { Producer } from '@contour/queue/producer';
import type { StreamFacts } from '@contour/queue/streams';
import { type CreateGauge, type Look, lookFor, showOne } from './look.ts';

export interface RedisProbes extends Pick<Producer, 'backlog' | 'liveWorkers' | 'queueFacts'> {
  streamFacts(): Promise<StreamFacts[]>;
}

const STATES = ['waiting', 'delayed', 'active', 'failed'] as const;

function queueGauges(gauge: CreateGauge): (queues: QueueFacts[] | undefined) => void {
  const jobs = gauge(
    'contour_queue_jobs',
    'Jobs in a queue by their state. All entries of the dead-letter queue are waiting.',
    'queue',
    'state',
  );
  const oldest = gauge(
    'contour_queue_oldest_seconds',
    'Age of the oldest waiting job, in seconds; 0 without a waiting job.',
    'queue',
  );
  return (queues) => {
    jobs.reset();
    oldest.reset();
    for (const facts of queues ?? []) {
      const { queue, oldestAt } = facts;
      for (const state of STATES) jobs.set({ queue, state }, facts[state]);
      const seconds = oldestAt === null ? 0 : (Date.now() - oldestAt.getTime()) / 1000;
      oldest.set({ queue }, Math.max(0, seconds));
    }
  };
}

const STREAM_GAUGES = [
  ['length', 'contour_stream_entries', 'Entries of a stream shard that are not done, read or not.'],
  ['pending', 'contour_stream_pending', 'Entries of a stream shard that a worker holds.'],
  ['lag', 'contour_stream_lag', 'Entries of a stream shard that were not read yet.'],
  [
    'lost',
    'contour_stream_lost',
    'Entries of a stream shard that were removed from outside before they were done, ever.',
  ],
] as const;

function streamGauges(gauge: CreateGauge): (shards: StreamFacts[] | undefined) => void {
  const gauges = STREAM_GAUGES.map(([fact, name, help]) => ({
    fact,
    gauge: gauge(name, help, 'shard'),
  }));
  const owned = gauge('contour_stream_owned', '1 if a worker reads the stream shard.', 'shard');
  return (shards) => {
    for (const one of [...gauges.map((shown) => shown.gauge), owned]) one.reset();
    for (const facts of shards ?? []) {
      const shard = String(facts.shard);
      for (const shown of gauges) shown.gauge.set({ shard }, facts[shown.fact]);
      owned.set({ shard }, facts.owner === null ? 0 : 1);
    }
  };
}

function memoryGauges(gauge: CreateGauge): (backlog: Backlog | undefined) => void {
  const used = gauge('contour_redis_memory_used_bytes', 'Memory that Redis reports as used.');
  const limit = gauge(
    'contour_redis_memory_limit_bytes',
    'The maxmemory of Redis; 0 if unlimited.',
  );
  return (backlog) => {
    showOne(used, backlog?.memoryUsed);
    showOne(limit, backlog?.memoryLimit);
  };
}

/** What Redis holds. Every API shows the same. */
export function redisGauges(gauge: CreateGauge, probes: RedisProbes): Look[] {
  const workers = gauge('contour_workers', 'Workers that reported within the last 5 s.');
  return [
    lookFor('redis', probes.queueFacts, queueGauges(gauge)),
    lookFor('redis', probes.streamFacts, streamGauges(gauge)),
    lookFor('redis', probes.backlog, memoryGauges(gauge)),
    lookFor('redis', probes.liveWorkers, (count) => showOne(workers, count)),
  ];
}
