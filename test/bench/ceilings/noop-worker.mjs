// What a job costs by itself: taken, and done with.
import { Worker } from 'bullmq';
import { settings, withParent } from '../programs/with-parent.mjs';

const worker = new Worker('resolve', async () => {}, {
  connection: { url: settings.redisUrl },
  concurrency: settings.concurrency,
  removeOnComplete: { count: 0 },
});
await worker.waitUntilReady();
withParent();
