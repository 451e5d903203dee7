import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { temporaryDir } from '@contour/local';
import { expect, test } from 'vitest';
import { startMirror } from '../src/start/servers.ts';

const BUILT = new URL('../dist/start/servers.js', import.meta.url).href;

test('a Neo4j of the environment is used, and none is started', async () => {
  const said: string[] = [];
  const closers: string[] = [];
  const mirror = await startMirror({
    state: '/nonexistent',
    ports: { neo4j: 0 },
    env: { NEO4J_URI: 'neo4j+s://graph.example' },
    say: (line) => said.push(line),
    shutdown: { add: (name) => closers.push(name) },
  });
  expect(mirror).toEqual({ uri: 'neo4j+s://graph.example', embedded: false });
  expect([...said, ...closers]).toEqual([]);
});

test('a machine without Java runs without the mirror, and says why in one line', async () => {
  const state = await temporaryDir();
  const script = `
    import { startMirror } from '${BUILT}';
    const deps = { state: '${state}', ports: { neo4j: 0 }, env: {}, say: console.log };
    console.log(JSON.stringify(await startMirror(deps)));`;
  const lines = await outputOf(script, { PATH: state });
  await rm(state, { recursive: true });
  expect(lines).toEqual([
    'Starting Neo4j',
    'The graph mirror is off: there is no JDK 17 or later on PATH',
    '{"off":"there is no JDK 17 or later on PATH"}',
  ]);
});

function outputOf(script: string, env: Record<string, string>): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const args = ['--input-type=module', '--eval', script];
    execFile(process.execPath, args, { env }, (error, stdout) => {
      if (error) reject(error);
      else resolve(stdout.trim().split('\n'));
    });
  });
}
