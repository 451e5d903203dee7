export { debianProgram } from './debian-program.ts';
export { temporaryDir, userCacheDir } from './directories.ts';
export { freePort, portIsFree } from './free-port.ts';
export { type LocalNeo4j, type Neo4jOptions, startNeo4j } from './start-neo4j.ts';
export { type LocalPostgres, type PostgresOptions, startPostgres } from './start-postgres.ts';
export { findRedisCli, type LocalRedis, type RedisOptions, startRedis } from './start-redis.ts';
export {
  type ChildExit,
  type ChildOptions,
  type SupervisedChild,
  superviseChild,
} from './supervise-child.ts';
