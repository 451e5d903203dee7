import type { Backlog, Producer, QueueFacts, StreamFacts } from '@contour/queue';
import { Gauge, type Registry } from 'prom-client';
import { type Look, lookFor, showOne } from './look.ts';

export interface RedisProbes extends Pick<Producer, 'backlog' | 'liveWorkers' | 'queueFacts'> {
  streamFacts(): Promise<StreamFacts[]>;
}

const STATES = ['waiting', 'delayed', 'active', 'failed'] as const;

function queueGauges(registry: Registry): (queues: QueueFacts[] | undefined) => void {
  const registers = [registry];
  const jobs = new Gauge({
    name: 'contour_queue_jobs',
    help: 'Jobs in a queue by their state; all entries of the dead-letter queue wait.',
    labelNames: ['queue', 'state'],
    registers,
  });
  const oldest = new Gauge({
    name: 'contour_queue_oldest_seconds',
    help: 'For how long the oldest job that nobody has taken has been waiting; 0 where none waits.',
    labelNames: ['queue'],
    registers,
  });
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

function streamGauges(registry: Registry): (shards: StreamFacts[] | undefined) => void {
  const own = { labelNames: ['shard'], registers: [registry] };
  const gauges = {
    length: new Gauge({
      ...own,
      name: 'contour_stream_entries',
      help: 'Entries of a stream shard that are not done, read or not.',
    }),
    pending: new Gauge({
      ...own,
      name: 'contour_stream_pending',
      help: 'Those of them that a worker has in hand.',
    }),
    lag: new Gauge({
      ...own,
      name: 'contour_stream_lag',
      help: 'Those of them that nobody has read yet.',
    }),
    lost: new Gauge({
      ...own,
      name: 'contour_stream_lost',
      help: 'Entries that somebody removed before they were done, ever.',
    }),
  };
  const owned = new Gauge({
    ...own,
    name: 'contour_stream_owned',
    help: '1 where a worker reads the shard.',
  });
  return (shards) => {
    for (const gauge of [...Object.values(gauges), owned]) gauge.reset();
    for (const facts of shards ?? []) {
      const shard = String(facts.shard);
      for (const [name, gauge] of Object.entries(gauges)) {
        gauge.set({ shard }, facts[name as keyof typeof gauges]);
      }
      owned.set({ shard }, facts.owner === null ? 0 : 1);
    }
  };
}

function memoryGauges(registry: Registry): (backlog: Backlog | undefined) => void {
  const registers = [registry];
  const used = new Gauge({
    name: 'contour_redis_memory_used_bytes',
    help: 'What Redis says that it uses.',
    registers,
  });
  const limit = new Gauge({
    name: 'contour_redis_memory_limit_bytes',
    help: 'The maxmemory of Redis; 0 where it has none.',
    registers,
  });
  return (backlog) => {
    showOne(used, backlog?.memoryUsed);
    showOne(limit, backlog?.memoryLimit);
  };
}

/** What Redis holds, the same for whoever asks. */
export function redisGauges(registry: Registry, probes: RedisProbes): Look[] {
  const workers = new Gauge({
    name: 'contour_workers',
    help: 'Workers that were heard of in the last 5 s.',
    registers: [registry],
  });
  return [
    lookFor('redis', probes.queueFacts, queueGauges(registry)),
    lookFor('redis', probes.streamFacts, streamGauges(registry)),
    lookFor('redis', probes.backlog, memoryGauges(registry)),
    lookFor('redis', probes.liveWorkers, (count) => showOne(workers, count)),
  ];
}
