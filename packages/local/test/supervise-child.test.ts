import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { superviseChild, temporaryDir } from '@contour/local';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitUntilGone } from './processes.ts';

const STARTER = fileURLToPath(new URL('./start-and-hang.mjs', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../.contour/cache', import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await temporaryDir();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test.each(['postgres', 'redis', 'stubborn'])('%s ends when its starter is killed', async (what) => {
  const starter = fork(STARTER, [what, join(directory, what), CACHE]);
  const [{ pid }] = (await once(starter, 'message')) as [{ pid: number }];
  starter.kill('SIGKILL');
  await waitUntilGone([pid]);
});

test('a child reports its exit, and its output arrives line by line', async () => {
  const lines: string[] = [];
  const script = 'echo one; echo two >&2; exit 3';
  const child = await superviseChild('sh', ['-c', script], { output: (line) => lines.push(line) });
  expect(await child.exited).toEqual({ code: 3, signal: null });
  await expect.poll(() => lines.toSorted()).toEqual(['one', 'two']);
});

test('a child that ignores its signal is killed at the deadline', async () => {
  const script = "trap '' TERM; echo ready; while :; do sleep 1; done";
  const lines: string[] = [];
  const child = await superviseChild('sh', ['-c', script], { output: (line) => lines.push(line) });
  await expect.poll(() => lines).toEqual(['ready']);
  await child.stop(100);
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
});
