// What a job costs by itself: taken, and done with.
import { takeJobs } from '../programs/take-jobs.mjs';

await takeJobs(async () => {});
