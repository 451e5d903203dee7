export { inspectRedis, type RedisReport } from './inspect-redis.ts';
export { type ForgottenEntry, openQueueAudit, type QueueAudit } from './queue-audit.ts';
