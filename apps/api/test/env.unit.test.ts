import { EnvError, readEnv } from '@contour/runtime';
import { expect, test } from 'vitest';
import { apiEnv } from '../src/env.ts';

const required = { DATABASE_URL: 'postgres://db/contour', REDIS_URL: 'redis://redis' };

test('only the two databases are required', () => {
  expect(readEnv(apiEnv, required)).toMatchObject({
    HOST: '127.0.0.1',
    PORT: 8772,
    RESOLVE_WAIT_MS: 10_000,
    RATE_LIMIT: 0,
    MAX_BACKLOG: 100_000,
    MAX_WAITING_PER_ACCOUNT: 10_000,
    SHUTDOWN_MS: 10_000,
    API_KEYS: [],
  });
});

test('production does not start without keys', () => {
  const env = { ...required, NODE_ENV: 'production' };
  expect(() => readEnv(apiEnv, env)).toThrow(EnvError);
  expect(() => readEnv(apiEnv, { ...env, API_KEYS: 'a:b' })).toThrow(/ADMIN_KEYS/);
  expect(readEnv(apiEnv, { ...env, API_KEYS: 'a:b', ADMIN_KEYS: 'c:d' }).NODE_ENV).toBe(
    'production',
  );
});

test('draining must take less time than the shutdown', () => {
  const env = { ...required, SHUTDOWN_MS: '5000', DRAIN_MS: '5000' };
  expect(() => readEnv(apiEnv, env)).toThrow(/DRAIN_MS .*less than SHUTDOWN_MS/);
});

test('every wrong setting is named at once', () => {
  expect(() => readEnv(apiEnv, { PORT: 'x', NODE_ENV: 'production' })).toThrow(
    /DATABASE_URL.*REDIS_URL.*PORT.*API_KEYS.*ADMIN_KEYS/s,
  );
});
