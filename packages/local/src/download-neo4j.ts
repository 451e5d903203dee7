import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isThere } from './is-there.ts';
import { onPath } from './on-path.ts';
import { superviseChild } from './supervise-child.ts';

const NEO4J_VERSION = '5.26.31';

const POM = fileURLToPath(new URL('../neo4j/pom.xml', import.meta.url));
const STAGING = 'neo4j-new-';
const DOWNLOAD_MS = 5 * 60_000;
const ABANDONED_MS = 2 * DOWNLOAD_MS;

/** Fetches the jars of Neo4j Community with Maven into the cache; returns the folder they are in. */
export async function downloadNeo4j(
  cacheDir: string,
  onProgress: (line: string) => void,
): Promise<string> {
  const home = join(cacheDir, `neo4j-${NEO4J_VERSION}`);
  if (await isThere(home)) return home;
  if (!(await onPath('mvn'))) throw new Error('there is no Maven (mvn) on PATH');
  onProgress(`Fetching Neo4j ${NEO4J_VERSION} with Maven, once: 120 MB, a minute or two`);
  await mkdir(cacheDir, { recursive: true });
  await removeAbandoned(cacheDir);
  const staging = await mkdtemp(join(cacheDir, STAGING));
  try {
    await fetchWithMaven(staging, join(staging, 'jars'));
    // A cache may be shared: who comes second takes what is there.
    await rename(join(staging, 'jars'), home).catch(async (error) => {
      if (!(await isThere(home))) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return home;
}

// Maven's usual repository is left alone: it is not made for two Mavens at once, nor for an
// account that has no home.
async function fetchWithMaven(staging: string, jars: string): Promise<void> {
  const log = join(staging, 'maven.log');
  const args = [
    ...['--batch-mode', '--quiet', '--strict-checksums', '--log-file', log, '--file', POM],
    ...[`-Dmaven.repo.local=${join(staging, 'repository')}`, `-Dneo4j.version=${NEO4J_VERSION}`],
    ...['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`],
  ];
  const maven = await superviseChild('mvn', args, { cwd: staging, output: 'ignore' });
  let reason = 'it took too long';
  const timer = setTimeout(() => void maven.stop(), DOWNLOAD_MS);
  const { code } = await maven.exited.finally(() => clearTimeout(timer));
  if (code === 0 && (await isThere(jars))) return;
  if (code !== null) reason = await firstError(log);
  throw new Error(`Maven could not fetch Neo4j: ${reason}`);
}

async function firstError(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const line = /^\[ERROR\] (.+?)(?: -> \[Help \d+\])?$/m.exec(text)?.[1];
  return line ?? 'it does not say why';
}

// Left by a start that was killed while it was fetching.
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(STAGING)) continue;
    const folder = join(cacheDir, name);
    const age = Date.now() - (await stat(folder).then((found) => found.mtimeMs, Date.now));
    if (age > ABANDONED_MS) await rm(folder, { recursive: true, force: true });
  }
}
