import { expect, test } from 'vitest';
import { parseInfo } from '../src/redis/redis-facts.ts';

test('the lines of INFO become pairs, and headings are skipped', () => {
  const info = '# Server\r\nredis_version:7.2.4\r\nexecutable:/usr/bin/redis:server\r\n\r\n';
  expect([...parseInfo(info)]).toEqual([
    ['redis_version', '7.2.4'],
    ['executable', '/usr/bin/redis:server'],
  ]);
});
