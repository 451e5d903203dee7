export {
  type Consumer,
  createResolveConsumer,
  type HandleJob,
  type IncomingJob,
  type JobOutcome,
  resolveDelayMs,
  TooLong,
} from './consumer.ts';
export type { HandleGivenUp } from './given-up.ts';
export { boardQueues, type QueueFacts } from './queues.ts';
export type { QueuedNote } from './resolve-jobs.ts';
export {
  createDeliverConsumer,
  createGraphConsumer,
  createShardBells,
  type ShardBells,
} from './wake-ups.ts';
