export { createProducer, type Producer, type ProducerOptions } from './create-producer.ts';
export { type Channel, fingerprintOf, type Message } from './message.ts';
export { ProducerError, type ProducerErrorCode } from './producer-error.ts';
export { shardOf, streamKeyOf } from './redis.ts';
