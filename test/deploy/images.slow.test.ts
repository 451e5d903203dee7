import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { copiedFiles, instructionsOf, readDockerfile } from './dockerfile.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCKERFILES = ['Dockerfile.api', 'Dockerfile.worker'];

/** The command of the service that migrates the database: it uses one of the images. */
function migrateCommand(): string[] {
  const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true });
  return compose.services.migrate?.command ?? [];
}

/** Runs the stage `dependencies` of both images outside a container, and returns its folder. */
function installDependencies(): string {
  const [first, ...others] = DOCKERFILES.map((file) =>
    readDockerfile(join(ROOT, file)).find((stage) => stage.name === 'dependencies'),
  );
  if (first === undefined) throw new Error('there is no stage named dependencies');
  // Both files have the same steps: one layer on disk, and here one installation.
  for (const other of others) expect(other).toEqual(first);
  const folder = mkdtempSync(join(tmpdir(), 'contour-image-'));
  // Only tracked files: node_modules of this checkout must not help.
  const tracked = execFileSync('git', ['ls-files', '-z', ...copiedFiles(first)], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const name of tracked.split('\0').filter((name) => name !== '')) {
    cpSync(join(ROOT, name), join(folder, name));
  }
  for (const command of instructionsOf(first, 'RUN')) {
    execFileSync('sh', ['-c', command], { cwd: folder, stdio: 'pipe' });
  }
  for (const group of ['packages', 'apps']) {
    cpSync(join(ROOT, group), join(folder, group), {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    });
  }
  return folder;
}

it('the images start with the dependencies that their steps install, without development dependencies', () => {
  const folder = installDependencies();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(existsSync(join(folder, 'node_modules/vitest'))).toBe(false);
  const starts = DOCKERFILES.map((file): string[] => {
    const [start = '[]'] = instructionsOf(readDockerfile(join(ROOT, file)).at(-1), 'CMD');
    return JSON.parse(start);
  });
  for (const [command = '', ...args] of [...starts, migrateCommand()]) {
    // Without settings it names the missing ones, after all of its modules are loaded.
    const options = { cwd: folder, env: { PATH: process.env.PATH }, encoding: 'utf8' as const };
    const { status, stderr } = spawnSync(command, args, options);
    expect(stderr, args.join(' ')).toContain('DATABASE_URL');
    expect(status, args.join(' ')).not.toBe(0);
  }
}, 120_000);
