import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RedisProgram } from './find-redis.ts';
import { runTool } from './run-tool.ts';

const ROUNDS = 4; // a library may need another one; no distribution goes deeper

/**
 * Fetches the distribution's Redis with apt and unpacks it into the cache: no root, nothing
 * installed, apt's own lists, caches and hooks left alone.
 */
export async function downloadRedis(
  cacheDir: string,
  onProgress: (line: string) => void,
): Promise<RedisProgram> {
  const home = join(cacheDir, `redis-${process.arch}`);
  const cached = await programIn(home).catch(() => undefined);
  if (cached) return cached;
  onProgress('Redis is not on this machine: fetching the package of the distribution');
  await mkdir(cacheDir, { recursive: true });
  const staging = await mkdtemp(join(cacheDir, 'redis-new-'));
  try {
    const debs = join(staging, 'debs');
    const root = join(staging, 'root');
    const fetch = await aptDownload(staging, debs, onProgress);
    await fetch(['redis-server', 'redis-tools']);
    await unpack(debs, root);
    for (let round = 1; (await missingLibraries(root)) && round <= ROUNDS; round += 1) {
      await fetch(await wantedLibraries(debs));
      await unpack(debs, root);
    }
    await programIn(root);
    // A cache may be shared: who comes second takes what is there.
    await rename(root, home).catch(async (error) => {
      await programIn(home).catch(() => Promise.reject(error));
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return programIn(home);
}

async function programIn(root: string): Promise<RedisProgram> {
  const command = join(root, 'usr', 'bin', 'redis-server');
  await access(command);
  return { command, libraryPath: await libraryPathOf(root) };
}

// Libraries are in a directory named after the machine: usr/lib/x86_64-linux-gnu.
async function libraryPathOf(root: string): Promise<string> {
  const found: string[] = [];
  for (const base of [join(root, 'usr', 'lib'), join(root, 'lib')]) {
    const entries = await readdir(base, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) if (entry.isDirectory()) found.push(join(base, entry.name));
  }
  return found.join(':');
}

/** A function that downloads packages by name into `debs`, on private lists where there are none. */
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
  // Lists may be missing (container images) or too old to name files that still exist.
  await run('download', 'redis-server').catch(async () => {
    onProgress('Reading the package lists of the distribution');
    await writeFile(config, [...common, `Dir::State::lists "${lists}";`].join('\n'));
    await run('update').catch(() => {}); // one broken third-party source must not matter
  });
  return (names) => run('download', ...names);
}

async function unpack(debs: string, root: string): Promise<void> {
  for (const name of await readdir(debs)) {
    if (name.endsWith('.deb')) await runTool('dpkg-deb', ['-x', join(debs, name), root]);
  }
}

async function missingLibraries(root: string): Promise<boolean> {
  const { command, libraryPath = '' } = await programIn(root);
  const env = { PATH: '/usr/bin:/bin', LD_LIBRARY_PATH: libraryPath };
  return (await runTool('ldd', [command], { env })).includes('not found');
}

// Of what the downloaded packages depend on: the libraries that neither they nor the system have.
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
