import { expect, test } from 'vitest';
import { createLogger, logConnectionErrors } from '../src/logger.ts';

function setUp() {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, logger: createLogger({ level: 'info', name: 'worker', destination }) };
}

test('a line has a constant message, its fields, a level by name and an ISO time', () => {
  const { lines, logger } = setUp();
  logger.info({ message_id: 'm-1' }, 'delivery.attempted');
  logger.debug('unheard');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      name: 'worker',
      pid: process.pid,
      message_id: 'm-1',
      msg: 'delivery.attempted',
    },
  ]);
});

test('a credential is redacted where a message or a request could hold it', () => {
  const { lines, logger } = setUp();
  const secret = 's3cret';
  logger.info({ bot_token: secret, user_id: secret, data: { profile_id: secret } }, 'a');
  logger.info({ message: { group_id: secret }, body: { bot_id: secret } }, 'b');
  logger.info({ req: { headers: { authorization: secret }, body: { bot_token: secret } } }, 'c');
  expect(lines).toHaveLength(3);
  expect(lines.join('')).not.toContain(secret);
});

test('an error is logged with its causes and without its other properties', () => {
  const { lines, logger } = setUp();
  const cause = Object.assign(new TypeError('inner'), { code: '23505', detail: 's3cret' });
  const both = new AggregateError([cause, 'a string'], 'both');
  logger.error({ err: new Error('outer', { cause: both }) }, 'resolve.failed');
  expect(lines.join('')).not.toContain('s3cret');
  expect(JSON.parse(lines[0] ?? '').err).toMatchObject({
    type: 'Error',
    message: 'outer',
    stack: expect.stringContaining('logger.unit.test'),
    cause: {
      type: 'AggregateError',
      errors: [
        { type: 'TypeError', message: 'inner', code: '23505' },
        { type: 'string', message: 'a string' },
      ],
    },
  });
});

test('an error that is its own cause is logged once', () => {
  const { lines, logger } = setUp();
  const error = new Error('round');
  error.cause = error;
  logger.error(error, 'resolve.failed');
  expect(lines).toHaveLength(1);
});

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
