import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onPath, runTool } from './run-tool.ts';

const ROUNDS = 4; // a library may need another one; no distribution goes deeper

/** An unpacked program, with the path of its libraries. */
interface UnpackedProgram {
  command: string;
  libraryPath: string;
}

interface WantedProgram {
  /** Also the name of its directory in the cache. */
  name: string;
  packages: readonly string[];
  /** The program's path in the packages: `usr/bin/redis-server`. */
  path: string;
  cacheDir: string;
  onProgress: (line: string) => void;
}

/**
 * Fetches a program of the distribution with apt and unpacks it into the cache. It needs no root, installs nothing, and
 * does not touch apt's own lists, caches and hooks.
 */
export async function debianProgram(wanted: WantedProgram): Promise<UnpackedProgram> {
  const { name, packages, path, cacheDir, onProgress } = wanted;
  const home = join(cacheDir, `${name.toLowerCase()}-${process.arch}`);
  const cached = await programIn(home, path).catch(() => undefined);
  if (cached) return cached;
  if (!(await onPath('apt-get')) || !(await onPath('dpkg-deb'))) {
    throw new Error('this is not a Debian or Ubuntu whose package could be fetched');
  }
  onProgress(`${name} is not on this machine: fetching the package of the distribution`);
  await mkdir(cacheDir, { recursive: true });
  const staging = await mkdtemp(join(cacheDir, `${name.toLowerCase()}-new-`));
  try {
    const debs = join(staging, 'debs');
    const root = join(staging, 'root');
    const fetch = await aptDownload(staging, debs, onProgress);
    await fetch(packages);
    await unpack(debs, root);
    const isWhole = async () => !(await lacksLibraries(await programIn(root, path)));
    for (let round = 1; !(await isWhole()) && round <= ROUNDS; round += 1) {
      await fetch(await wantedLibraries(debs));
      await unpack(debs, root);
    }
    await programIn(root, path);
    // A cache may be shared: the second start uses the result of the first.
    await rename(root, home).catch(async (error) => {
      await programIn(home, path).catch(() => Promise.reject(error));
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return programIn(home, path);
}

async function programIn(root: string, path: string): Promise<UnpackedProgram> {
  const command = join(root, path);
  await access(command);
  return { command, libraryPath: await libraryPathOf(root) };
}

// Libraries are in a directory with the name of the architecture: usr/lib/x86_64-linux-gnu.
async function libraryPathOf(root: string): Promise<string> {
  const found: string[] = [];
  for (const base of [join(root, 'usr', 'lib'), join(root, 'lib')]) {
    const entries = await readdir(base, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) if (entry.isDirectory()) found.push(join(base, entry.name));
  }
  return found.join(':');
}

/** Returns a function that downloads packages by name into `debs`, with lists of its own if apt has none. */
async function aptDownload(
  staging: string,
  debs: string,
  onProgress: (line: string) => void,
): Promise<(names: readonly string[]) => Promise<unknown>> {
  const lists = join(staging, 'lists');
  const cache = join(staging, 'cache');
  for (const directory of [debs, join(lists, 'partial'), join(cache, 'archives', 'partial')]) {
    await mkdir(directory, { recursive: true });
  }
  const config = join(staging, 'apt.conf');
  const common = [
    `Dir::Cache "${cache}";`,
    'APT::Sandbox::User "root";', // apt's own user cannot write here
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Post-Invoke;',
  ];
  await writeFile(config, common.join('\n'));
  const run = (...args: string[]) =>
    runTool('apt-get', ['-c', config, '-qq', ...args], { cwd: debs });
  let isFresh = false;
  return async function download(names) {
    try {
      return await run('download', ...names);
    } catch (error) {
      if (isFresh) throw error;
      // Lists may be missing (container images) or too old to name files that still exist.
      onProgress('Reading the package lists of the distribution');
      await writeFile(config, [...common, `Dir::State::lists "${lists}";`].join('\n'));
      await run('update').catch(() => {}); // one broken third-party source must not matter
      isFresh = true;
      return download(names);
    }
  };
}

async function unpack(debs: string, root: string): Promise<void> {
  for (const name of await readdir(debs)) {
    if (name.endsWith('.deb')) await runTool('dpkg-deb', ['-x', join(debs, name), root]);
  }
}

async function lacksLibraries({ command, libraryPath }: UnpackedProgram): Promise<boolean> {
  const env = { PATH: '/usr/bin:/bin', LD_LIBRARY_PATH: libraryPath };
  return (await runTool('ldd', [command], { env })).includes('not found');
}

// The libraries on which the downloaded packages depend, and which neither they nor the system contain.
async function wantedLibraries(debs: string): Promise<string[]> {
  const wanted = new Set<string>();
  const files = (await readdir(debs)).filter((name) => name.endsWith('.deb'));
  for (const file of files) {
    const depends = await runTool('dpkg-deb', ['-f', join(debs, file), 'Depends']);
    for (const [name] of depends.matchAll(/\blib[a-z0-9][a-z0-9+.-]+/g)) {
      if (!files.some((other) => other.startsWith(`${name}_`))) wanted.add(name);
    }
  }
  const missing: string[] = [];
  for (const name of wanted) {
    const status = await runTool('dpkg-query', ['-s', name]).catch(() => '');
    if (!status.includes('install ok installed')) missing.push(name);
  }
  return missing;
}
