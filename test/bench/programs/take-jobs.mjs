import { Worker } from 'bullmq';
import { settings, withParent } from './with-parent.mjs';

/** Takes jobs as our workers do, as many at a time, and reports when it is ready. */
export async function takeJobs(work) {
  const worker = new Worker('resolve', work, {
    connection: { url: settings.redisUrl },
    concurrency: settings.concurrency,
    removeOnComplete: { count: 0 },
  });
  await worker.waitUntilReady();
  withParent();
}
