export type { RedisAccess } from './connect.ts';
