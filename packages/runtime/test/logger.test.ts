import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger } from '../src/logger.ts';

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

test('a credential is redacted where a message or a request could carry it', () => {
  const { lines, logger } = setUp();
  const secret = 's3cret';
  logger.info({ bot_token: secret, user_id: secret, data: { profile_id: secret } }, 'a');
  logger.info({ message: { group_id: secret }, body: { bot_id: secret } }, 'b');
  logger.info({ req: { headers: { authorization: secret }, body: { bot_token: secret } } }, 'c');
  expect(lines).toHaveLength(3);
  expect(lines.join('')).not.toContain(secret);
});

test('an error is logged with its causes and without what else hangs on it', () => {
  const { lines, logger } = setUp();
  const cause = Object.assign(new TypeError('inner'), { code: '23505', detail: 's3cret' });
  const both = new AggregateError([cause, 'a string'], 'both');
  logger.error({ err: new Error('outer', { cause: both }) }, 'resolve.failed');
  expect(lines.join('')).not.toContain('s3cret');
  expect(JSON.parse(lines[0] ?? '').err).toMatchObject({
    type: 'Error',
    message: 'outer',
    stack: expect.stringContaining('logger.test'),
    cause: {
      type: 'AggregateError',
      errors: [
        { type: 'TypeError', message: 'inner', code: '23505' },
        { type: 'string', message: 'a string' },
      ],
    },
  });
});

test('an error that is its own cause ends', () => {
  const { lines, logger } = setUp();
  const error = new Error('round');
  error.cause = error;
  logger.error(error, 'resolve.failed');
  expect(lines).toHaveLength(1);
});

/** A program that does this with a logger of its own. */
function argumentsFor(work: string): string[] {
  const program = `
    import { createLogger } from '@contour/runtime';
    const logger = createLogger({ level: 'info', name: 'child' });
    ${work}`;
  return ['--input-type=module', '--eval', program];
}

const OPTIONS = { cwd: import.meta.dirname };

/** All that it writes until it is killed, or ends. */
const writtenBy = (work: string): string =>
  spawnSync(process.execPath, argumentsFor(work), OPTIONS).stdout.toString();

function startChild(work: string) {
  const child = spawn(process.execPath, argumentsFor(work), OPTIONS);
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const messagesIn = (output: string) =>
  output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).msg);

test('nothing is lost when a process ends, however soon', () => {
  expect(messagesIn(writtenBy("logger.info('a'); logger.info('b');"))).toEqual(['a', 'b']);
  expect(messagesIn(writtenBy("logger.info('a'); process.exit(3);"))).toEqual(['a']);
});

test('a warning is out at once, with all that came before it, and the rest soon after', () => {
  const killed = "process.kill(process.pid, 'SIGKILL');";
  expect(messagesIn(writtenBy(`logger.info('a'); logger.warn('b'); ${killed}`))).toEqual([
    'a',
    'b',
  ]);
  const later = `logger.info('a'); setTimeout(() => { ${killed} }, 2_000);`;
  expect(messagesIn(writtenBy(later))).toEqual(['a']);
});

test('a process whose lines nobody reads any more goes on, and ends when it wants to', async () => {
  const child = startChild(`
    process.stdin.once('data', () => {
      logger.info('a');
      logger.warn('b');
      logger.info('c');
      process.exit(7);
    });
    process.stderr.write('ready');`);
  await once(child.stderr, 'data');
  child.stdout.destroy();
  await once(child.stdout, 'close');
  child.stdin.write('go');
  const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(10_000) });
  expect(code).toBe(7);
});
