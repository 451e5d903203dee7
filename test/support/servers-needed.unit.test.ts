import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serversNeededBy } from './servers-needed.ts';

const TESTS = join(import.meta.dirname, '..');

test.each([
  ['support/servers-needed.unit.test.ts', []],
  ['e2e/keys.test.ts', ['postgresUrl']],
  ['support/checker.test.ts', ['neo4j', 'postgresUrl']],
])('%s needs %j, also when a file that it imports asks for it', (file, expected) => {
  expect([...serversNeededBy([join(TESTS, file)])].sort()).toEqual(expected);
});
