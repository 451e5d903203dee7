import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDir } from '@contour/local';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const STARTER = fileURLToPath(new URL('./start-and-hang.mjs', import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await temporaryDir();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

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
