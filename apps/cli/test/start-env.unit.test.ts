import { readEnv } from '@contour/runtime';
import { expect, test } from 'vitest';
import { startEnv } from '../src/env.ts';

test('start checks CORE_URL before it starts anything', () => {
  expect(readEnv(startEnv, {}).CORE_URL).toBeUndefined();
  expect(readEnv(startEnv, { CORE_URL: 'console' }).CORE_URL).toBe('console');
  expect(() => readEnv(startEnv, { CORE_URL: 'core.example' })).toThrow(
    /^CORE_URL {2}must be a URL that begins with http/,
  );
  expect(() => readEnv(startEnv, { NODE_ENV: 'production' })).toThrow(
    /^CORE_URL {2}is required in production/,
  );
});
