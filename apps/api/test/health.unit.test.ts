import { expect, test } from 'vitest';
import type { Probes } from '../src/probes.ts';
import { appBundle } from './app-bundle.ts';

const away = async () => {
  throw new Error('away');
};
const there = async () => {};

function bundleWith(probes: Partial<Probes>, isLeaving = false) {
  return appBundle({
    probes: {
      postgres: there,
      redis: there,
      neo4j: null,
      workers: async () => 2,
      pendingMigrations: async () => [],
      redisFacts: async () => ({ maxmemoryPolicy: 'noeviction', aof: true }),
      ...probes,
    },
    isLeaving: () => isLeaving,
  });
}

const all = { postgres: true, neo4j: null, redis: true, workers: 2 };
const healths: Array<[string, Partial<Probes>, number, object]> = [
  ['all is there', {}, 200, { ...all, status: 'ok' }],
  ['Neo4j is there', { neo4j: there }, 200, { ...all, neo4j: true, status: 'ok' }],
  ['Neo4j is away', { neo4j: away }, 200, { ...all, neo4j: false, status: 'degraded' }],
  ['no worker lives', { workers: async () => 0 }, 200, { ...all, workers: 0, status: 'degraded' }],
  ['Postgres is away', { postgres: away }, 503, { ...all, postgres: false, status: 'unavailable' }],
  [
    'Redis is away',
    { redis: away, workers: away as () => Promise<never> },
    503,
    { ...all, redis: false, workers: 0, status: 'unavailable' },
  ],
];

test.for(healths)('while %s, /health says so', async ([, probes, status, body]) => {
  const answer = await bundleWith(probes).inject('/health');
  expect([answer.statusCode, answer.json()]).toEqual([status, body]);
});

const evicting = async () => ({ maxmemoryPolicy: 'allkeys-lru', aof: true });
const withoutAof = async () => ({ maxmemoryPolicy: 'noeviction', aof: false });

const unready: Array<[string, Partial<Probes>, RegExp]> = [
  ['Postgres is away', { postgres: away }, /Postgres is away/],
  ['Redis is away', { redis: away }, /Redis is away/],
  ['migrations are missing', { pendingMigrations: async () => ['001.sql'] }, /missing: 001\.sql/],
  ['Redis may evict', { redisFacts: evicting }, /allkeys-lru/],
];

test.for(unready)('while %s, /readyz refuses with the reason', async ([, probes, reason]) => {
  const answer = await bundleWith(probes).inject('/readyz');
  expect(answer.statusCode).toBe(503);
  expect(answer.json().reasons).toEqual([expect.stringMatching(reason)]);
});

test('while the process is stopping, /readyz refuses with the reason', async () => {
  const answer = await bundleWith({}, true).inject('/readyz');
  expect(answer.statusCode).toBe(503);
  expect(answer.json().reasons).toEqual([expect.stringMatching(/shutting down/)]);
});

test('a Redis without AOF is a warning, not a refusal', async () => {
  const answer = await bundleWith({ redisFacts: withoutAof }).inject('/readyz');
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({ status: 'ready', reasons: [] });
  expect(answer.json().warnings).toEqual([expect.stringMatching(/AOF/)]);
});
