export { debianProgram } from './debian-program.ts';
export { temporaryDir, userCacheDir } from './directories.ts';
export { freePort, portIsFree } from './free-port.ts';
export { type LocalNeo4j, startNeo4j } from './start-neo4j.ts';
export { type LocalPostgres, startPostgres } from './start-postgres.ts';
export { findRedisCli, type LocalRedis, startRedis } from './start-redis.ts';
export { type SupervisedChild, superviseChild } from './supervise-child.ts';
