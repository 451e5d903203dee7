import { AppError } from '@contour/contract';
import { inspectRedis, type RedisReport } from '@contour/queue/inspect';
import { reasonOf } from '../servers.ts';
import { type Check, checkClock, fail, isAtLeast, ok, shownUrl, warn } from './check.ts';

/** Above this share of maxmemory, the API refuses messages. */
const MEMORY_FULL = 0.9;
const MEMORY_TIGHT = 0.7;
const BACKLOG_LONG = 0.5;

function checkVersion(version: string): Check {
  const check = 'redis version';
  if (!isAtLeast(version, 6, 2)) return fail(check, version, 'upgrade to 6.2 or later, best 7');
  if (isAtLeast(version, 7, 0)) return ok(check, version);
  return warn(check, version, 'upgrade to 7.0: losses from a stream cannot be counted before');
}

function checkPersistence(aof: boolean, appendfsync: string | undefined): Check {
  const check = 'redis persistence';
  if (!aof) return warn(check, 'no append-only file', 'set appendonly yes: a restart loses jobs');
  if (appendfsync !== 'no') return ok(check, 'append-only file');
  const advice = 'set appendfsync everysec: a power cut loses what was not written out';
  return warn(check, 'append-only file, appendfsync no', advice);
}

function checkKeeping({ facts, appendfsync }: RedisReport): Check[] {
  const { maxmemoryPolicy: policy, aof, isReplica } = facts;
  const keepAll = 'set maxmemory-policy noeviction: jobs would vanish';
  return [
    policy === 'noeviction'
      ? ok('redis eviction', policy)
      : fail('redis eviction', policy, keepAll),
    checkPersistence(aof, appendfsync),
    isReplica
      ? fail('redis writes', 'a replica accepts none', 'let REDIS_URL name the primary')
      : ok('redis writes', 'allowed'),
  ];
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

function checkMemory({ memoryUsed, memoryLimit }: RedisReport['backlog']): Check {
  const check = 'redis memory';
  if (memoryLimit === 0) return ok(check, `${megabytes(memoryUsed)} used, no maxmemory`);
  const share = memoryUsed / memoryLimit;
  const detail = `${megabytes(memoryUsed)} of ${megabytes(memoryLimit)} used`;
  const advice = 'give Redis more maxmemory, or find out why work piles up';
  if (share > MEMORY_FULL) return fail(check, `${detail}: the API refuses messages`, advice);
  return share > MEMORY_TIGHT ? warn(check, detail, advice) : ok(check, detail);
}

function checkBacklog({ waiting, delayed, active }: RedisReport['backlog'], limit: number): Check {
  const jobs = waiting + delayed + active;
  const detail = `${jobs} of at most ${limit} jobs in resolve`;
  const advice = 'start more workers, or find out why they are slow';
  if (jobs > limit) return fail('backlog', `${detail}: the API refuses messages`, advice);
  return jobs > limit * BACKLOG_LONG ? warn('backlog', detail, advice) : ok('backlog', detail);
}

function checkWorkers(count: number): Check {
  if (count > 0) return ok('workers', `${count} at work`);
  return warn('workers', 'none at work', 'start one: node apps/worker/dist/main.js');
}

function checkPaused(queues: RedisReport['queues']): Check {
  const paused = queues.filter(({ isPaused }) => isPaused).map(({ queue }) => queue);
  if (paused.length === 0) return ok('queues', 'none paused');
  const advice = "resume with BullMQ's Queue.resume(): workers take nothing from a paused queue";
  return warn('queues', `paused: ${paused.join(', ')}`, advice);
}

export const checksOf = (where: string, report: RedisReport, maxBacklog: number): Check[] => [
  ok('redis', where),
  checkVersion(report.facts.version),
  ...checkKeeping(report),
  checkMemory(report.backlog),
  checkClock('redis', report.clockAheadMs),
  checkWorkers(report.liveWorkers),
  checkBacklog(report.backlog, maxBacklog),
  checkPaused(report.queues),
];

/** Checks that Redis can be reached and does not lose data, and how much work waits in it. */
export async function examineRedis(url: string, maxBacklog: number): Promise<Check[]> {
  try {
    return checksOf(shownUrl(url), await inspectRedis(url), maxBacklog);
  } catch (error) {
    const cause = error instanceof AppError ? error.cause : error;
    const advice = 'start it, or correct REDIS_URL; nothing is accepted without it';
    return [fail('redis', `${shownUrl(url)}: ${reasonOf(cause)}`, advice)];
  }
}
