import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { userCacheDir } from '@contour/local';
import { inject } from 'vitest';
import { TURNS, takeTurns } from './take-turns.ts';

/** The Python package for producers. */
export const PYTHON_CLIENT = join(import.meta.dirname, '../../clients/python');

const REQUIREMENTS = join(PYTHON_CLIENT, 'tests/requirements.txt');
const run = promisify(execFile);

type PythonOrReason = { version: string; reason?: undefined } | { reason: string };

/** Python with the modules for virtual environments, which some systems package apart. */
export function findPython(): PythonOrReason {
  const question =
    'import ensurepip, sys, venv; assert sys.version_info >= (3, 10); print(sys.version, sys.base_prefix)';
  try {
    return {
      version: execFileSync('python3', ['-c', question], { encoding: 'utf8', stdio: 'pipe' }),
    };
  } catch (error) {
    const last = String(error).trim().split('\n').at(-1);
    return { reason: `no python3 of 3.10 or newer with venv: ${last}` };
  }
}

/** The interpreter of a virtual environment with the pinned packages. It is made once and shared by checkouts. */
export function pythonWithPackages(version: string): Promise<string> {
  return takeTurns(inject('postgresUrl'), TURNS.python, () => makeEnvironment(version));
}

async function makeEnvironment(version: string): Promise<string> {
  const key = createHash('sha256').update(version);
  for (const file of [join(PYTHON_CLIENT, 'pyproject.toml'), REQUIREMENTS])
    key.update(readFileSync(file));
  const place = join(userCacheDir(), `python-${key.digest('hex').slice(0, 16)}`);
  const python = join(place, 'bin/python');
  if (existsSync(python)) return python;

  // Made beside its place and then moved: an interrupted installation is never used.
  await mkdir(userCacheDir(), { recursive: true });
  const draft = await mkdtemp(`${place}-`);
  try {
    await run('python3', ['-m', 'venv', draft]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
    await run(join(draft, 'bin/python'), [...pip, '-r', REQUIREMENTS]);
    await rename(draft, place);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(python)) throw error; // another run, on a Postgres of its own, was faster
  }
  return python;
}
