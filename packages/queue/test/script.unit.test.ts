import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadScript } from '../src/redis/connect.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'contour-script-'));
  writeFileSync(join(folder, 'part.lua'), 'local one = 1');
  writeFileSync(join(folder, 'sum.lua'), 'return one + ARGV[1]');
});
afterAll(() => rmSync(folder, { recursive: true }));

const TEXT = 'local one = 1\nreturn one + ARGV[1]';
const SHA = createHash('sha1').update(TEXT).digest('hex');

/** A Redis that answers each command in turn. */
function redisThatAnswers(...answers: unknown[]) {
  const commands: unknown[][] = [];
  const call = async (...command: unknown[]) => {
    commands.push(command);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { commands, client: { call, callBuffer: call } as unknown as Redis };
}

test('a script that Redis knows is called by its SHA-1', async () => {
  const { client, commands } = redisThatAnswers(3);
  expect(await loadScript(folder, 'part.lua', 'sum.lua').run(client, ['key'], [2])).toBe(3);
  expect(commands).toEqual([['EVALSHA', SHA, 1, 'key', 2]]);
});

test('a script that Redis does not know is sent as text', async () => {
  const { client, commands } = redisThatAnswers(new Error('NOSCRIPT No matching script.'), 3);
  expect(await loadScript(folder, 'part.lua', 'sum.lua').runForBuffers(client, [], [2])).toBe(3);
  expect(commands).toEqual([
    ['EVALSHA', SHA, 0, 2],
    ['EVAL', TEXT, 0, 2],
  ]);
});

test('a script that fails is not run again', async () => {
  const { client, commands } = redisThatAnswers(new Error('OOM command not allowed'));
  await expect(loadScript(folder, 'sum.lua').run(client, [])).rejects.toThrow('OOM');
  expect(commands).toHaveLength(1);
});

/** What the comment at the top of a script must say. */
const CONTRACT = [
  /^-- (KEYS|ARGV) /m,
  /^-- Returns /m,
  /full Redis/,
  /Run twice|any number of times/,
];

test('every script begins with its contract', () => {
  const sources = join(import.meta.dirname, '../src');
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' });
  const silent = files.filter((file) => {
    if (!file.endsWith('.lua')) return false;
    const text = readFileSync(join(sources, file), 'utf8');
    const comment = /^(--.*\n)+/.exec(text)?.[0] ?? '';
    const isPart = comment.startsWith('-- A part of ');
    return !isPart && !CONTRACT.every((pattern) => pattern.test(comment));
  });
  expect(silent).toEqual([]);
});
