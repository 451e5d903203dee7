import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type FailFastRedis, parsedJson } from '../redis/connect.ts';
import { type IncomingJob, MAX_JOB_LENGTH, plausibleTime, TooLong } from './consumer.ts';

export type HandleGivenUp = (job: IncomingJob & { failedReason: string }) => Promise<void>;

const AT_ONCE = 100;

/** Data that are not JSON are a text. */
function dataOf(text: string): unknown {
  const data = parsedJson(text);
  return data === undefined ? text : data;
}

/** Reads single fields: BullMQ would throw at data that are not JSON, and would read data of any length. */
async function readGivenUp(client: Redis, key: string) {
  if ((await client.exists(key)) === 0) return undefined;
  const [name, timestamp, started, failedReason] = await client.hmget(
    key,
    ...['name', 'timestamp', 'ats', 'failedReason'],
  );
  // The length may be what killed the workers.
  const length = await client.hstrlen(key, 'data');
  const isTooLong = length > MAX_JOB_LENGTH;
  return {
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
export async function collectGivenUp(
  { client, ask }: FailFastRedis,
  queue: Queue,
  handle: HandleGivenUp,
): Promise<number> {
  const ids = await ask(() => queue.getRanges(['failed'], 0, AT_ONCE - 1, true));
  for (const id of ids) {
    const job = await ask(() => readGivenUp(client, queue.toKey(id)));
    if (job !== undefined) await handle({ id, ...job });
    await ask(() => queue.remove(id));
  }
  return ids.length;
}
