import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNeo4j, temporaryDir, userCacheDir } from '@contour/local';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { SHORT_LIVED_JVM } from '../../../test/support/servers.ts';
import { neo4jAnswers } from '../src/run-server.ts';
import { askNeo4j } from './ask-neo4j.ts';
import { waitUntilGone } from './processes.ts';

const STARTER = fileURLToPath(new URL('./start-and-hang.mjs', import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await temporaryDir();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

// One test, because each start takes seconds of both cores.
test('Neo4j keeps commits through a kill, and ends after stop', async ({ skip }) => {
  const { reason } = inject('neo4j'); // in CI the run has failed already
  skip(reason !== undefined, reason);
  const place = {
    dataDir: join(directory, 'neo4j'),
    cacheDir: userCacheDir(),
    flags: SHORT_LIVED_JVM,
  };

  const first = await startNeo4j(place);
  expect(first.uri).toBe(`bolt://127.0.0.1:${first.port}`);
  await askNeo4j(first.port, 'UNWIND range(1, 100) AS n CREATE (:Kept {n: n})');
  await first.kill();
  await waitUntilGone([first.pid]);

  const second = await startNeo4j({ ...place, port: first.port });
  expect(await askNeo4j(second.port, 'MATCH (n:Kept) RETURN count(n)')).toBe(100);
  await second.stop();
  await waitUntilGone([second.pid]);
  expect(await neo4jAnswers(second.port)).toBe(false);
}, 120_000);

describe('the error of a machine that cannot run Neo4j is one line', () => {
  const JDK = { java: 'echo openjdk 17.0.1', javac: 'echo javac 17.0.1' };
  const NO_JDK = 'there is no JDK 17 or later on PATH';

  test.each([
    ['no Java', {}, NO_JDK],
    ['an old Java', { ...JDK, java: 'echo openjdk 11.0.2' }, NO_JDK],
    ['no compiler', { java: JDK.java }, NO_JDK],
    ['no Maven', JDK, 'there is no Maven (mvn) on PATH'],
    [
      'a Maven without a network',
      { ...JDK, mvn: 'echo "[ERROR] no route -> [Help 1]" > maven.log; exit 1' },
      'Maven could not fetch Neo4j: no route',
    ],
  ])('%s', async (_, programs, reason) => {
    expect(await failureWith(programs)).toBe(reason);
    // The cache contains no unfinished download.
    expect(await readdir(join(directory, 'cache')).catch(() => [])).toEqual([]);
  });
});

/** The error of a start with these shell scripts instead of Java. */
async function failureWith(programs: Record<string, string>): Promise<string> {
  const bin = join(directory, 'bin');
  await mkdir(bin);
  await symlink('/bin/sh', join(bin, 'sh'));
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const args = [STARTER, 'neo4j', join(directory, 'data'), join(directory, 'cache')];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { PATH: bin } }, (error, _, stderr) => {
      resolve(/^Error: (.*)$/m.exec(stderr)?.[1] ?? `it starts: ${error}`);
    });
  });
}
