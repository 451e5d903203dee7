import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { onlyOne } from '../src/start/only-one.ts';

let directory: string;
let lock: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'contour-lock-'));
  lock = join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true }));

test('a lock exists until it is released', async () => {
  const undo = await onlyOne(lock);
  expect(Number.parseInt(await readFile(lock, 'utf8'), 10)).toBe(process.pid);
  await undo();
  await expect(readFile(lock)).rejects.toThrow('ENOENT');
});

test.each(['999999999 1\n', '1 999999999\n', '', 'nonsense'])(
  'a lock left behind (%j) is taken over',
  async (left) => {
    await writeFile(lock, left);
    await (await onlyOne(lock))();
  },
);
