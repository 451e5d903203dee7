// The cost of transport without a database: a job is taken, and its body posted.
import { createPost } from '../programs/post-to-sink.mjs';
import { takeJobs } from '../programs/take-jobs.mjs';
import { settings } from '../programs/with-parent.mjs';

const post = createPost(settings.concurrency);

await takeJobs(({ data: { message } }) => post(message.messageId, JSON.stringify(message)));
