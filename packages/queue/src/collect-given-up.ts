import { Job, type Queue } from 'bullmq';
import type { FailFastRedis } from './connection.ts';
import { type IncomingJob, incomingJobOf } from './incoming-job.ts';
import { MAX_JOB_LENGTH, TooLong } from './too-long.ts';

type GivenUpJob = IncomingJob & { failedReason: string };

export type HandleGivenUp = (job: GivenUpJob) => Promise<void>;

interface Jobs extends Pick<FailFastRedis, 'client' | 'ask'> {
  queue: Queue;
}

const AT_ONCE = 100;

/** Without its data where that is too long: it may be what everybody died of. */
async function readGivenUp({ queue, client }: Jobs, id: string): Promise<GivenUpJob | undefined> {
  const key = queue.toKey(id);
  const length = await client.hstrlen(key, 'data');
  if (length <= MAX_JOB_LENGTH) {
    const job = await Job.fromId(queue, id);
    return job && { ...incomingJobOf(job), failedReason: job.failedReason ?? 'unknown' };
  }
  const [name, timestamp, started, failedReason] = await client.hmget(
    key,
    ...['name', 'timestamp', 'ats', 'failedReason'],
  );
  return {
    id,
    name: name ?? '',
    data: new TooLong(length),
    timestampMs: Number(timestamp),
    started: Number(started),
    failedReason: failedReason ?? 'unknown',
  };
}

/**
 * Empties the failed jobs, oldest first. A job is removed after `handle` is through with it, so
 * being killed midway repeats and never loses; two processes may well be handed the same job.
 */
export async function collectGivenUp(jobs: Jobs, handle: HandleGivenUp): Promise<number> {
  const { queue, ask } = jobs;
  const ids = await ask(() => queue.getRanges(['failed'], 0, AT_ONCE - 1, true));
  for (const id of ids) {
    const job = await ask(() => readGivenUp(jobs, id));
    if (job !== undefined) await handle(job);
    await ask(() => queue.remove(id));
  }
  return ids.length;
}
