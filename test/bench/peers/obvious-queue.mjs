// A simple queue: a job for each message, three queries one after another, and the POST in the same job.
import pg from 'pg';
import { createPost } from '../programs/post-to-sink.mjs';
import { takeJobs } from '../programs/take-jobs.mjs';
import { settings } from '../programs/with-parent.mjs';
import { enrich } from './three-lookups.mjs';

const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 10 });
const post = createPost(settings.concurrency);

await takeJobs(async ({ data }) => {
  const enriched = await enrich(pool, data.message);
  await post(enriched.messageId, JSON.stringify(enriched));
});
