// What the way costs without a database: a job is taken, and its body posted.
import { Worker } from 'bullmq';
import { Pool } from 'undici';
import { settings, withParent } from '../programs/with-parent.mjs';

const sink = new Pool(settings.sinkUrl, { connections: settings.concurrency });

const worker = new Worker(
  'resolve',
  async ({ data }) => {
    const { message } = data;
    const { body } = await sink.request({
      method: 'POST',
      path: '/core',
      headers: { 'content-type': 'application/json', 'idempotency-key': message.messageId },
      body: JSON.stringify(message),
    });
    await body.dump();
  },
  {
    connection: { url: settings.redisUrl },
    concurrency: settings.concurrency,
    removeOnComplete: { count: 0 },
  },
);
await worker.waitUntilReady();
withParent();
