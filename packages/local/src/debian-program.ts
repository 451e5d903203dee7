import { existsSync } from 'node:fs';
import { access, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fillCache } from './directories.ts';
import { onPath, runTool } from './run-tool.ts';

const ROUNDS = 4; // a library may need another one; no distribution goes deeper

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
export async function debianProgram(wanted: WantedProgram) {
  const { name, path, cacheDir } = wanted;
  const home = join(cacheDir, `${name.toLowerCase()}-${process.arch}`);
  if (!existsSync(join(home, path))) {
    if (!(await onPath('apt-get')) || !(await onPath('dpkg-deb'))) {
      throw new Error('this is not a Debian or Ubuntu whose package could be fetched');
    }
    wanted.onProgress(`${name} is not on this machine: fetching the package of the distribution`);
    await fillCache(home, (staging) => unpackInto(staging, wanted));
  }
  return programIn(home, path);
}

/** Unpacks the packages, and those of the libraries that they need and the system lacks. */
async function unpackInto(
  staging: string,
  { packages, path, onProgress }: WantedProgram,
): Promise<string> {
  const debs = join(staging, 'debs');
  const root = join(staging, 'root');
  const download = await aptDownload(staging, debs, onProgress);
  let names = packages;
  for (let round = 0; round <= ROUNDS; round += 1) {
    await download(names);
    for (const deb of await debsIn(debs)) await runTool('dpkg-deb', ['-x', join(debs, deb), root]);
    const { command, libraryPath } = await programIn(root, path);
    const env = { PATH: '/usr/bin:/bin', LD_LIBRARY_PATH: libraryPath };
    if (!(await runTool('ldd', [command], { env })).includes('not found')) break;
    names = await wantedLibraries(debs);
  }
  return root;
}

const debsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.deb'));

/** The program, with the path of its libraries. */
async function programIn(root: string, path: string) {
  const command = join(root, path);
  await access(command);
  // Libraries are in a directory with the name of the architecture: usr/lib/x86_64-linux-gnu.
  const found: string[] = [];
  for (const base of [join(root, 'usr', 'lib'), join(root, 'lib')]) {
    const entries = await readdir(base, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) if (entry.isDirectory()) found.push(join(base, entry.name));
  }
  return { command, libraryPath: found.join(':') };
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

// The libraries on which the downloaded packages depend, and which neither they nor the system contain.
async function wantedLibraries(debs: string): Promise<string[]> {
  const wanted = new Set<string>();
  const files = await debsIn(debs);
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
