import { expect, test } from 'vitest';
import { logConnectionErrors } from '../src/log-connection-errors.ts';

test('the same error is logged once in ten seconds, with the number of repeats', () => {
  const lines: object[] = [];
  const clock = { ms: 0 };
  const logger = { warn: (fields: object) => void lines.push(fields) };
  const log = logConnectionErrors(logger, 'redis.error', () => clock.ms);
  const refused = new Error('refused');
  const reset = new Error('reset');
  for (const error of [refused, refused, reset, refused]) log(error);
  clock.ms += 10_000;
  log(refused);
  expect(lines).toEqual([
    { err: refused, repeated: 0 },
    { err: reset, repeated: 0 },
    { err: refused, repeated: 2 },
  ]);
});
