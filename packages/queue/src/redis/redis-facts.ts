import type { Redis } from 'ioredis';

export interface RedisFacts {
  version: string;
  maxmemoryPolicy: string;
  aof: boolean;
  /** A replica takes no writes. */
  isReplica: boolean;
}

/** Parses the `name:value` lines of INFO. */
export function parseInfo(info: string): Map<string, string> {
  const lines = info.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

/** What decides whether Redis may lose data: eviction and the append-only file. */
export async function readRedisFacts(client: Redis): Promise<RedisFacts> {
  const info = parseInfo(await client.info());
  return {
    version: info.get('redis_version') ?? 'unknown',
    maxmemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
    aof: info.get('aof_enabled') === '1',
    isReplica: info.get('role') === 'slave',
  };
}
