export { type Loss, MAX_ENTRY_BYTES, type StreamEntry } from './entries.ts';
export type { BatchOutcome } from './read-shard.ts';
export { createStreamConsumer } from './stream-consumer.ts';
export type { StreamFacts } from './stream-facts.ts';
