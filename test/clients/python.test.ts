import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { checkIncoming, fingerprintOf } from '@contour/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findPython, PYTHON_CLIENT, pythonWithPackages } from '../support/python.ts';
import { startTestRedis } from '../support/servers.ts';

const run = promisify(execFile);

interface Vectors {
  fingerprints: { credential: string | number; fingerprint: string }[];
  shards: { channel: string; external_chat_id: string | number; shards: number; shard: number }[];
  bodies: { message: unknown; body: unknown }[];
  refused: { path: string; message: unknown }[];
}

const vectors = JSON.parse(
  readFileSync(join(PYTHON_CLIENT, 'tests/vectors.json'), 'utf8'),
) as Vectors;

describe('the vectors of the Python producer', () => {
  it('are the fingerprints that Contour computes', () => {
    for (const { credential, fingerprint } of vectors.fingerprints) {
      expect(fingerprintOf(String(credential)), String(credential)).toBe(fingerprint);
    }
  });

  it('are the shards that Contour reads a chat from', () => {
    for (const { channel, external_chat_id: chat, shards, shard } of vectors.shards) {
      expect(crc32(`${channel}:${chat}`) % shards, `${channel}:${chat}`).toBe(shard);
    }
  });

  it('are bodies with the same message id as the ones with the credential', () => {
    const now = new Date();
    for (const { message, body } of vectors.bodies) {
      const [whole, sent] = [checkIncoming(message, now), checkIncoming(body, now)];
      if (!whole.ok || !sent.ok) throw new Error(JSON.stringify({ whole, sent }));
      expect(sent.message).toEqual({ ...whole.message, mask: null });
    }
  });

  it('refuse the messages that Contour refuses, with the same field', () => {
    for (const { path, message } of vectors.refused) {
      const checked = checkIncoming(message);
      const paths = checked.ok ? [] : checked.faults.map((fault) => fault.path);
      expect(paths, JSON.stringify(message)).toContain(path);
    }
  });
});

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
