import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Redis, type RedisValue, withRedis } from './redis-client.ts';

const READ: Record<string, (key: string) => (string | number)[]> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  list: (key) => ['LRANGE', key, 0, -1],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, 0, -1, 'WITHSCORES'],
  stream: (key) => ['XRANGE', key, '-', '+'],
};

async function allKeys(redis: Redis): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, found] = (await redis('SCAN', cursor, 'COUNT', 1000)) as [string, string[]];
    cursor = next;
    for (const key of found) keys.add(key);
  } while (cursor !== '0');
  return [...keys];
}

const textOf = (value: RedisValue): string =>
  Array.isArray(value) ? value.map(textOf).join('\n') : String(value);

/** Every key of a Redis database with its value, as text to search. */
export function dumpRedis(redisUrl: string): Promise<Map<string, string>> {
  return withRedis(redisUrl, async (redis) => {
    const keys = await allKeys(redis);
    const types = await Promise.all(keys.map((key) => redis('TYPE', key)));
    const dump = new Map<string, string>();
    const readOne = async (key: string, index: number) => {
      const read = READ[String(types[index])];
      // The key may have been deleted since the scan.
      if (read !== undefined) dump.set(key, textOf(await redis(...read(key))));
    };
    await Promise.all(keys.map(readOne));
    return dump;
  });
}

/** The bytes of its append-only files, which include deleted keys. */
export async function readRedisFiles(dataDir: string): Promise<Map<string, string>> {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = files.map(
    async ({ name, parentPath }): Promise<[string, string]> => [
      name,
      await readFile(join(parentPath, name), 'utf8'),
    ],
  );
  return new Map(await Promise.all(texts));
}
