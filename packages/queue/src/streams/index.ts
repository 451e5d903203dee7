export { MAX_ENTRY_BYTES, type StreamEntry, type StreamFacts } from './entries.ts';
export type { BatchOutcome } from './read-shard.ts';
export { createStreamConsumer } from './stream-consumer.ts';
