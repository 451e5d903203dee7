import type { Queue } from 'bullmq';
import type { FailFastRedis } from '../redis/connect.ts';
import { type IncomingJob, MAX_JOB_LENGTH, plausibleTime, TooLong } from './consumer.ts';

type GivenUpJob = IncomingJob & { failedReason: string };

export type HandleGivenUp = (job: GivenUpJob) => Promise<void>;

interface Jobs extends Pick<FailFastRedis, 'client' | 'ask'> {
  queue: Queue;
}

const AT_ONCE = 100;

/** The data of a job that any program may have added. Data that are not JSON are a text. */
function dataOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Reads single fields: BullMQ would throw at data that are not JSON, and would read data of any length. */
async function readGivenUp({ queue, client }: Jobs, id: string): Promise<GivenUpJob | undefined> {
  const key = queue.toKey(id);
  if ((await client.exists(key)) === 0) return undefined;
  const [name, timestamp, started, failedReason] = await client.hmget(
    key,
    ...['name', 'timestamp', 'ats', 'failedReason'],
  );
  // The length may be what killed the workers.
  const length = await client.hstrlen(key, 'data');
  const isTooLong = length > MAX_JOB_LENGTH;
  return {
    id,
    name: name ?? '',
    data: isTooLong ? new TooLong(length) : dataOf((await client.hget(key, 'data')) ?? 'null'),
    timestampMs: plausibleTime(Number(timestamp ?? Number.NaN)),
    started: Number(started ?? 0),
    failures: 0,
    failedReason: failedReason ?? 'unknown',
  };
}

/**
 * Handles and removes the jobs that BullMQ gave up, oldest first. A job is removed after `handle` has ended, so a killed
 * process loses none. Two processes may handle the same job.
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
