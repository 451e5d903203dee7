export * from './dlq/index.ts';
export { createEraser, type Eraser } from './erase/eraser.ts';
export * from './inspect/index.ts';
export * from './jobs/index.ts';
export { type Backlog, createRoom } from './limits/backlog.ts';
export * from './presence/index.ts';
export { createProducer, type Producer } from './producer.ts';
export * from './redis/index.ts';
export { createReplyListener, type ReplyListener } from './replies.ts';
export * from './streams/index.ts';
export {
  createTailListener,
  createTailPublisher,
  type TailBeat,
  type TailEvent,
  type TailListener,
  type TailOwner,
  type TailPublisher,
} from './tail.ts';
