export {
  type Consumer,
  createResolveConsumer,
  type HandleJob,
  type IncomingJob,
  type JobOutcome,
  TooLong,
} from './consumer.ts';
export type { HandleGivenUp } from './given-up.ts';
export { boardQueues, type QueueFacts } from './queues.ts';
export { resolveDelayMs } from './resolve-delay-ms.ts';
export type { QueuedNote } from './resolve-jobs.ts';
export { createDeliverConsumer, createGraphConsumer } from './wake-ups.ts';
