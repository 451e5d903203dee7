import { readEnv } from '@contour/runtime';
import { expect, test } from 'vitest';
import { workerEnv } from '../src/env.ts';

const required = { DATABASE_URL: 'postgres://db/contour', REDIS_URL: 'redis://redis' };
const production = { ...required, NODE_ENV: 'production' };

test('production does not start without CORE_URL', () => {
  const fault =
    'CORE_URL  is required in production: the address of Core, or console to print the messages';
  expect(() => readEnv(workerEnv, production)).toThrow(new RegExp(`^${fault}$`));
  expect(() => readEnv(workerEnv, { NODE_ENV: 'production' })).toThrow(
    /DATABASE_URL.*REDIS_URL.*CORE_URL/s,
  );
  expect(readEnv(workerEnv, required).CORE_URL).toBeUndefined();
});

test.each(['http://127.0.0.1:5678/webhook', 'https://core.example', 'console'])(
  'CORE_URL may be %s, in production too',
  (CORE_URL) => {
    expect(readEnv(workerEnv, { ...required, CORE_URL }).CORE_URL).toBe(CORE_URL);
    expect(readEnv(workerEnv, { ...production, CORE_URL }).CORE_URL).toBe(CORE_URL);
  },
);

test.each(['core.example', 'localhost:5678', 'ftp://core.example', 'http://', 'Console'])(
  'CORE_URL %s is refused in one line',
  (CORE_URL) => {
    expect(() => readEnv(workerEnv, { ...production, CORE_URL })).toThrow(
      /^CORE_URL {2}must be a URL that begins with http:\/\/ or https:\/\/, or console$/,
    );
  },
);
