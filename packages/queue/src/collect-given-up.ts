import type { Queue } from 'bullmq';
import type { FailFastRedis } from './connection.ts';
import type { IncomingJob } from './incoming-job.ts';
import { plausibleTime } from './plausible-time.ts';
import { MAX_JOB_LENGTH, TooLong } from './too-long.ts';

type GivenUpJob = IncomingJob & { failedReason: string };

export type HandleGivenUp = (job: GivenUpJob) => Promise<void>;

interface Jobs extends Pick<FailFastRedis, 'client' | 'ask'> {
  queue: Queue;
}

const AT_ONCE = 100;

/** Whoever put it there may have put anything: what is no JSON is a text. */
function dataOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Field by field: BullMQ's own reading throws at data that is no JSON, and reads it however long it is. */
async function readGivenUp({ queue, client }: Jobs, id: string): Promise<GivenUpJob | undefined> {
  const key = queue.toKey(id);
  if ((await client.exists(key)) === 0) return undefined;
  const [name, timestamp, started, failedReason] = await client.hmget(
    key,
    ...['name', 'timestamp', 'ats', 'failedReason'],
  );
  // It may be what everybody died of.
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
