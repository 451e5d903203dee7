import type { Redis } from 'ioredis';

/** Parses the `name:value` lines of INFO. */
export function parseInfo(info: string): Map<string, string> {
  const lines = info.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

/** What decides whether Redis may lose data: eviction and the append-only file. A replica takes no writes. */
export async function readRedisFacts(client: Redis) {
  const info = parseInfo(await client.info());
  return {
    version: info.get('redis_version') ?? 'unknown',
    maxmemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
    aof: info.get('aof_enabled') === '1',
    isReplica: info.get('role') === 'slave',
  };
}
