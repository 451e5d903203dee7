export { type ForgottenEntry, openQueueAudit, type QueueAudit } from './audit/forgotten-entries.ts';
export type { Backlog } from './backlog.ts';
export { boardQueues } from './board-queues.ts';
export type { HandleGivenUp } from './collect-given-up.ts';
export type { OnError } from './connection.ts';
export type { Consumer } from './consumer.ts';
export { createDeliverConsumer } from './deliver-consumer.ts';
export {
  createDlqIndex,
  type DlqIndex,
  type FormerLetter,
  type IndexPage,
} from './dlq/dlq-index.ts';
export { createEraser, type Eraser } from './eraser.ts';
export { createGraphConsumer } from './graph-consumer.ts';
export type { IncomingJob } from './incoming-job.ts';
export { inspectRedis, type RedisReport } from './inspect-redis.ts';
export { createPresence, type Presence } from './presence.ts';
export { createProducer, type Producer } from './producer.ts';
export type { QueueFacts } from './queue-facts.ts';
export type { QueuedNote } from './queued-notes.ts';
export type { RedisFacts } from './redis-facts.ts';
export { createReplay, messageToReplay, type Replay, type ReplayDeps } from './replay.ts';
export { createReplyListener, type ReplyListener } from './reply-listener.ts';
export { createResolveConsumer, type HandleJob, type JobEnd } from './resolve-consumer.ts';
export { restAfter } from './rest-after.ts';
export { createRoom } from './room.ts';
export { createShardBells, type ShardBells } from './shard-bells.ts';
export { MAX_ENTRY_BYTES, type StreamEntry } from './streams/read-entries.ts';
export type { Handled } from './streams/read-shard.ts';
export { createStreamConsumer, type StreamConsumer } from './streams/stream-consumer.ts';
export type { StreamFacts } from './streams/stream-facts.ts';
export type { Loss } from './streams/tally.ts';
export type { TailBeat, TailEvent, TailOwner } from './tail/tail-beat.ts';
export { createTailListener, type TailListener } from './tail/tail-listener.ts';
export { createTailPublisher, type TailPublisher } from './tail/tail-publisher.ts';
export { TooLong } from './too-long.ts';
