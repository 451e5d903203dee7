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
  run: 'run1',
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

const off = { off: 'there is no Maven' };

/** The message ids and credentials of the requests to try. */
const triedIn = (text: string) =>
  [...text.matchAll(/-d '(.*)'$/gm)].map(([, body = '']) => JSON.parse(body));

test('the requests to try have new message ids and a new unknown credential at each start', () => {
  const first = banner({ ...running, mirror: off });
  const [known, unknown] = triedIn(first);
  const [laterKnown, laterUnknown] = triedIn(banner({ ...running, mirror: off, run: 'run2' }));
  expect(laterKnown).toEqual({ ...known, message_ids: [expect.any(String)] });
  expect(laterKnown.message_ids).not.toEqual(known.message_ids);
  expect(laterUnknown.message_ids).not.toEqual(unknown.message_ids);
  expect(laterUnknown.bot_token).not.toBe(unknown.bot_token);
  expect(first).toContain(`  echo ${unknown.bot_token} | npm run contour -- channel add Demo`);
});

test('the banner names the reference', () => {
  expect(banner({ ...running, mirror: off })).toContain('http://127.0.0.1:8772/docs\n');
});

test.each([
  [undefined, 'this console (set CORE_URL to send to it)'],
  ['console', 'this console (set CORE_URL to send to it)'],
  ['https://me:secret@core.example/hook', 'https://me:***@core.example/hook'],
])('with CORE_URL %s the banner says where messages go: %s', (coreUrl, place) => {
  const row = banner({ ...running, mirror: off, coreUrl }).match(/^ {2}Core {6}(.*)$/m);
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
