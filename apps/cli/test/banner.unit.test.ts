import { expect, test } from 'vitest';
import { banner } from '../src/start/banner.ts';
import type { Mirror } from '../src/start/servers.ts';

const running = {
  databaseUrl: 'postgres://postgres@127.0.0.1:8774/contour',
  redisUrl: 'redis://127.0.0.1:8775',
  embedded: { postgres: true, redis: true },
  apiUrl: 'http://127.0.0.1:8772',
  workerUrl: 'http://127.0.0.1:8773',
  coreUrl: undefined,
  apiKeys: false,
  adminKeys: false,
};

test.each<[Mirror, string]>([
  [{ uri: 'bolt://127.0.0.1:8776', embedded: true }, 'bolt://127.0.0.1:8776'],
  [{ uri: 'bolt://me:secret@graph.example', embedded: false }, 'bolt://me:***@graph.example'],
  [{ off: 'there is no Maven' }, 'off (there is no Maven)'],
])('the banner of %j shows where the graph is: %s', (mirror, place) => {
  const row = banner({ ...running, mirror }).match(/^ {2}Neo4j {5}(.*)$/m);
  expect(row?.[1]).toBe(place);
});

test('the banner lists the commands, and exports the embedded servers', () => {
  const mirror = { uri: 'bolt://127.0.0.1:8776', embedded: true };
  const all = banner({ ...running, mirror });
  expect(all).toContain(
    `  export DATABASE_URL=${running.databaseUrl} REDIS_URL=${running.redisUrl} NEO4J_URI=${mirror.uri}\n`,
  );
  expect(all).toMatch(/\n {2}npm run contour -- doctor\n/);
  const own = banner({ ...running, mirror, embedded: { postgres: false, redis: true } });
  expect(own).toContain(`  export REDIS_URL=${running.redisUrl} NEO4J_URI=`);
});
