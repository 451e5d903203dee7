import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';

/** Arguments of a Node process that does this work with its own logger. */
function argumentsFor(work: string): string[] {
  const program = `
    import { createLogger } from '@contour/runtime';
    const logger = createLogger({ level: 'info', name: 'child' });
    ${work}`;
  return ['--input-type=module', '--eval', program];
}

const OPTIONS = { cwd: import.meta.dirname };

/** The output of the process until it is killed or ends. */
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

test('no line is lost when a process ends, however soon', () => {
  expect(messagesIn(writtenBy("logger.info('a'); logger.info('b');"))).toEqual(['a', 'b']);
  expect(messagesIn(writtenBy("logger.info('a'); process.exit(3);"))).toEqual(['a']);
});

test('a warning is written at once, with all lines before it, and later lines soon after', () => {
  const killed = "process.kill(process.pid, 'SIGKILL');";
  expect(messagesIn(writtenBy(`logger.info('a'); logger.warn('b'); ${killed}`))).toEqual([
    'a',
    'b',
  ]);
  const later = `logger.info('a'); setTimeout(() => { ${killed} }, 2_000);`;
  expect(messagesIn(writtenBy(later))).toEqual(['a']);
});

test('a process whose output has no reader continues, and can exit', async () => {
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
