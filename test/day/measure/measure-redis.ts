import { type Redis, withRedis } from '../../support/redis-client.ts';
import type { Figure } from './figure.ts';

const MB = 1024 * 1024;
const MAY_GROW = { memory: 3 * MB, keys: 40, clients: 12 };

/** Notes on what has left the dead-letter queue are kept for a week, fifty failed wake-ups for ever. */
const NOTES = 'contour:dlq:former:*';

const field = (info: string, name: string) =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

async function keysOf(ask: Redis, pattern: string): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const scanned = await ask('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000);
    const [next, found] = scanned as [string, string[]];
    cursor = next;
    for (const key of found) keys.add(key);
  } while (cursor !== '0');
  return [...keys];
}

/** A few are enough to know what all of them take. */
const SAMPLE = 100;

async function bytesOf(ask: Redis, keys: readonly string[]): Promise<number> {
  const sample = keys.slice(0, SAMPLE);
  const sizes = await Promise.all(sample.map((key) => ask('MEMORY', 'USAGE', key)));
  const sum = sizes.reduce<number>((total, size) => total + Number(size ?? 0), 0);
  return sample.length === 0 ? 0 : (sum / sample.length) * keys.length;
}

export async function measureRedis(redisUrl: string): Promise<Figure[]> {
  return withRedis(redisUrl, async (ask) => {
    await ask('MEMORY', 'PURGE');
    const notes = await keysOf(ask, NOTES);
    const noteBytes = await bytesOf(ask, notes);
    const memory = field(String(await ask('INFO', 'memory')), 'used_memory');
    const clients = field(String(await ask('INFO', 'clients')), 'connected_clients');
    const keys = Number(await ask('DBSIZE'));
    const failedWakeUps = Number(await ask('ZCARD', 'bull:deliver:failed'));
    return [
      {
        ...{ name: 'Redis: used_memory', value: memory, unit: 'bytes' as const },
        ...{ byRight: noteBytes, mayGrow: MAY_GROW.memory },
      },
      {
        ...{ name: 'Redis: keys', value: keys, unit: 'count' as const },
        ...{ byRight: notes.length + failedWakeUps, mayGrow: MAY_GROW.keys },
      },
      { name: 'Redis: keys, notes of dead letters', value: notes.length, unit: 'count' as const },
      {
        ...{ name: 'Redis: connections', value: clients, unit: 'count' as const },
        mayGrow: MAY_GROW.clients,
      },
    ];
  });
}
