export type { OnError } from './connect.ts';
export type { RedisFacts } from './redis-facts.ts';
