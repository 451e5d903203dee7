import { dirname, join } from 'node:path';
import { type RedisProgram, unpackedRedis } from './find-redis.ts';
import { onPath } from './on-path.ts';

/** The redis-cli on PATH, else the one that comes with the downloaded server. */
export async function findRedisCli(
  cacheDir: string,
  onProgress: (line: string) => void = () => {},
): Promise<RedisProgram> {
  const command = await onPath('redis-cli');
  if (command) return { command };
  const server = await unpackedRedis(cacheDir, onProgress);
  return { ...server, command: join(dirname(server.command), 'redis-cli') };
}
