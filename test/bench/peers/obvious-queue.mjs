// The queue as one would write it: a job for each message, three queries one after another, and the POST in the same job.
import { Worker } from 'bullmq';
import pg from 'pg';
import { Pool } from 'undici';
import { settings, withParent } from '../programs/with-parent.mjs';
import { enrich } from './three-lookups.mjs';

const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 10 });
const sink = new Pool(settings.sinkUrl, { connections: settings.concurrency });

const worker = new Worker(
  'resolve',
  async ({ data }) => {
    const enriched = await enrich(pool, data.message);
    const { body } = await sink.request({
      method: 'POST',
      path: '/core',
      headers: { 'content-type': 'application/json', 'idempotency-key': enriched.messageId },
      body: JSON.stringify(enriched),
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
