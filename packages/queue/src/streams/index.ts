export { type Loss, MAX_ENTRY_BYTES, type StreamEntry } from './entries.ts';
export type { Handled } from './read-shard.ts';
export { createStreamConsumer, type StreamConsumer } from './stream-consumer.ts';
export type { StreamFacts } from './stream-facts.ts';
