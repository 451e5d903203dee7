import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

export interface Checkout {
  root: string;
  remove(): Promise<void>;
}

/** Links the dependencies of this checkout, and the workspaces of that commit. */
async function linkDependencies(root: string): Promise<void> {
  const ours = join(root, 'node_modules/@contour');
  await mkdir(ours, { recursive: true });
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name === '@contour') continue;
    await symlink(join(ROOT, 'node_modules', name), join(root, 'node_modules', name));
  }
  for (const room of ['packages', 'apps']) {
    for (const name of await readdir(join(root, room))) {
      await symlink(join(root, room, name), join(ours, name));
    }
  }
}

/** Builds the previous commit in a temporary folder. */
export async function buildPrevious(): Promise<Checkout> {
  const { stdout } = await run('git', ['rev-parse', 'HEAD~1'], { cwd: ROOT }).catch(() => {
    throw new Error('the previous commit is missing: run git fetch --deepen 1');
  });
  const commit = stdout.trim();
  const root = await mkdtemp(join(tmpdir(), 'contour-previous-'));
  const remove = () => rm(root, { recursive: true, force: true });
  try {
    await run('sh', ['-c', 'git archive "$1" | tar -x -C "$2"', 'sh', commit, root], { cwd: ROOT });
    await linkDependencies(root);
    await run(
      process.execPath,
      [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'apps/worker'],
      {
        cwd: root,
      },
    );
    // An earlier commit may have its Lua scripts in the code.
    const copyLua = join(root, 'packages/queue/copy-lua.mjs');
    if (existsSync(copyLua)) await run(process.execPath, [copyLua]);
    return { root, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
