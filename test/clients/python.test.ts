import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findPython, PYTHON_CLIENT, pythonWithPackages } from '../support/python.ts';
import { startTestRedis } from '../support/servers.ts';

const run = promisify(execFile);

describe('the Python producer', () => {
  const python = findPython();

  it('passes its own tests and mypy', async ({ skip }) => {
    if (python.reason !== undefined) {
      if (process.env.CI === 'true') throw new Error(python.reason);
      return skip(python.reason);
    }
    const redis = await startTestRedis();
    onTestFinished(() => redis.close());
    const interpreter = await pythonWithPackages(python.version);
    const options = {
      cwd: PYTHON_CLIENT,
      // Compiled files and caches stay outside the checkout.
      env: { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1', REDIS_URL: redis.url },
    };
    const cache = ['--cache-dir', join(interpreter, '../../mypy-cache')];
    const [tests] = await Promise.all([
      run(
        interpreter,
        ['-W', 'error::ResourceWarning', '-m', 'unittest', 'discover', '-s', 'tests'],
        options,
      ),
      run(interpreter, ['-m', 'mypy', '--strict', ...cache, 'contour_producer'], options),
    ]);
    const count = Number(/^Ran (\d+) tests? in /m.exec(tests.stderr)?.[1]);
    expect(count).toBeGreaterThan(0);
    expect(tests.stderr.trimEnd()).toMatch(/^OK$/m); // not "OK (skipped=1)"
  }, 240_000);
});
