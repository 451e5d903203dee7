export type { Consumer } from './consumer.ts';
export type { HandleGivenUp } from './given-up.ts';
export { type IncomingJob, TooLong } from './incoming-job.ts';
export { boardQueues, type QueueFacts } from './queues.ts';
export { createResolveConsumer, type HandleJob, type JobEnd } from './resolve-consumer.ts';
export type { QueuedNote } from './resolve-jobs.ts';
export { restAfter } from './rest-after.ts';
export { createDeliverConsumer, createGraphConsumer } from './wake-ups.ts';
