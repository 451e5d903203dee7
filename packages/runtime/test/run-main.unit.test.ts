import { expect, test } from 'vitest';
import { EnvError } from '../src/env.ts';
import { runMain } from '../src/run-main.ts';

async function run(main: () => Promise<void>) {
  const seen: unknown[] = [];
  await runMain('api', main, {
    writeError: (text) => seen.push(text),
    fail: (error) => seen.push(error),
    exit: (code) => seen.push(code),
  });
  return seen;
}

test('a start that succeeds does not end the process', async () => {
  expect(await run(async () => {})).toEqual([]);
});

test('a faulty environment is printed in plain lines, and the exit code is 1', async () => {
  const failed = run(async () => {
    throw new EnvError('REDIS_URL  is required');
  });
  expect(await failed).toEqual(['api cannot start:\nREDIS_URL  is required\n', 1]);
});

test('any other error of a start is logged once, and the exit code is 1', async () => {
  const fault = new Error('listen EADDRINUSE');
  const failed = run(async () => {
    throw fault;
  });
  expect(await failed).toEqual([fault, 1]);
});
