export { createPresence } from './presence.ts';
export { createShardBells, type ShardBells } from './shard-bells.ts';
