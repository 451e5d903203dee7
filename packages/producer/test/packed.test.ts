import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryDir } from '@contour/local';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownRedis } from '../../queue/test/redis.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
const OVERVIEW = readFileSync(join(PACKAGE, '../../README.md'), 'utf8');
const examplesOf = (page: string) =>
  [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);
// As strict as a user's project may be; the library's own types are checked too.
const STRICT = {
  compilerOptions: {
    ...{ target: 'es2023', module: 'nodenext', types: ['node'], noEmit: true },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  },
  include: ['*.ts'],
};
const run = promisify(execFile);
const own = ownRedis();
let project: string;

/** A user's project outside the checkout, with the archive and its peer dependencies. */
beforeAll(async () => {
  project = await temporaryDir();
  const modules = join(project, 'node_modules');
  const home = join(modules, '@contour/producer');
  await mkdir(home, { recursive: true });
  await mkdir(join(modules, '@types'));
  for (const name of ['ioredis', 'bullmq', '@types/node']) {
    await symlink(join(MODULES, name), join(modules, name));
  }
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', project];
  const { stdout } = await run('npm', pack, { cwd: PACKAGE });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  expect(README).toContain(`npm install ./${filename} `);
  await run('tar', ['-xf', join(project, filename), '-C', home, '--strip-components=1']);
  await writeFile(join(project, 'package.json'), '{ "type": "module" }');
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify(STRICT));
});
afterAll(() => rm(project, { recursive: true, force: true }));

test('the examples of both READMEs are valid TypeScript', async () => {
  const examples = [...examplesOf(README), ...examplesOf(OVERVIEW)];
  expect(examples).toHaveLength(3);
  await Promise.all(
    examples.map((code, index) => writeFile(join(project, `example-${index}.ts`), code)),
  );
  const compiler = join(MODULES, 'typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [compiler, '-p', project]).catch((error) => error);
  expect(stdout).toBe('');
});

test('the examples of the README work with the packed archive', async () => {
  const [first, second] = await Promise.all(
    examplesOf(README).map((code) => {
      const here = code.replaceAll('redis://127.0.0.1:6379', own.server.url);
      const args = ['--input-type=module', '--eval', here];
      return run(process.execPath, args, { cwd: project });
    }),
  );
  const [entry] = await own.client.xrange('contour:resolve:1', '-', '+');
  expect(`${entry?.[0]}\n`).toBe(first?.stdout);
  expect(second).toEqual({ stdout: '', stderr: '' });
  expect(await own.client.llen('bull:resolve:wait')).toBe(1);
});
