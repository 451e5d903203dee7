// The cost of a job alone: taken and completed.
import { takeJobs } from '../programs/take-jobs.mjs';

await takeJobs(async () => {});
