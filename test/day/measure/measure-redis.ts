import { withRedis } from '../../support/redis-client.ts';
import type { Figure } from './figure.ts';

const MB = 1024 * 1024;
const MAY_GROW = { memory: 3 * MB, keys: 40, clients: 12 };

const field = (info: string, name: string) =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

export async function measureRedis(redisUrl: string): Promise<Figure[]> {
  return withRedis(redisUrl, async (ask) => {
    await ask('MEMORY', 'PURGE');
    const memory = field(String(await ask('INFO', 'memory')), 'used_memory');
    const clients = field(String(await ask('INFO', 'clients')), 'connected_clients');
    const keys = Number(await ask('DBSIZE'));
    const failedWakeUps = Number(await ask('ZCARD', 'bull:deliver:failed'));
    return [
      {
        ...{ name: 'Redis: used_memory', value: memory, unit: 'bytes' as const },
        mayGrow: MAY_GROW.memory,
      },
      {
        ...{ name: 'Redis: keys', value: keys, unit: 'count' as const },
        // Fifty failed wake-ups are always kept.
        ...{ byRight: failedWakeUps, mayGrow: MAY_GROW.keys },
      },
      {
        ...{ name: 'Redis: connections', value: clients, unit: 'count' as const },
        mayGrow: MAY_GROW.clients,
      },
    ];
  });
}
