import type { Job, Queue } from 'bullmq';
import type { FailFastRedis } from '../connection.ts';
import { runPipeline } from '../run-pipeline.ts';
import { type Hits, type Judge, keysLike, noHits } from './hits.ts';

/** A job that our API has made names its message. */
function messageIdIn(text: string): string[] {
  try {
    const id: unknown = JSON.parse(text)?.message?.messageId;
    return typeof id === 'string' ? [id] : [];
  } catch {
    return [];
  }
}

/** False where a worker holds it. */
async function removeJob(queue: Queue, id: string): Promise<boolean> {
  const job: Job | undefined = await queue.getJob(id);
  if (job === undefined) return true;
  return job.remove().then(
    () => true,
    (error: Error) => {
      if (/locked|lock/i.test(error.message)) return false;
      throw error;
    },
  );
}

/** Looks through the jobs of a queue, whatever their state; `forget` gets the messages of those it removes. */
export async function eraseJobs(
  redis: FailFastRedis,
  queue: Queue,
  judge: Judge,
  { mayRemove, forget }: { mayRemove: boolean; forget: (ids: string[]) => Promise<void> },
): Promise<Hits> {
  const prefix = queue.toKey('');
  const hits = noHits();
  const seen = new Set<string>();

  async function meet(id: string, text: string): Promise<void> {
    const verdict = judge(text);
    if (verdict === 'others' || seen.has(id)) return;
    seen.add(id);
    if (verdict === 'unclear') {
      hits.unclear.push(id);
      return;
    }
    hits.found += 1;
    if (!mayRemove || !(await redis.ask(() => removeJob(queue, id)))) return;
    hits.removed += 1;
    await forget(messageIdIn(text));
  }

  for await (const keys of keysLike(redis, `${prefix}*`, 'hash')) {
    const texts = await redis.ask(() =>
      runPipeline(
        keys.reduce((pipeline, key) => pipeline.hget(key, 'data'), redis.client.pipeline()),
      ),
    );
    for (const [at, key] of keys.entries()) {
      const text = texts[at];
      if (typeof text === 'string') await meet(key.slice(prefix.length), text);
    }
  }
  return hits;
}
