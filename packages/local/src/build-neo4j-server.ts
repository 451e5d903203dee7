import { createHash } from 'node:crypto';
import { link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isThere } from './is-there.ts';
import { runTool } from './run-tool.ts';

const MAIN = 'Neo4jServer';
const SOURCE = fileURLToPath(new URL(`../neo4j/${MAIN}.java`, import.meta.url));

// Two cores and a small heap: the serial collector starts fastest, and a bigger one gains nothing.
const JVM_FLAGS = [
  ...['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError'],
  ...['-XX:-UsePerfData', '-Dlog4j2.disable.jmx=true'],
  ...['java.nio', 'java.io', 'sun.nio.ch'].map(
    (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`,
  ),
];

/**
 * What `java` has to be told: `main` is followed by a home and a port. The first time the server is
 * compiled, and rehearsed so that the JVM keeps the loaded classes: without that archive every
 * start takes half as long again.
 */
export async function buildNeo4jServer(
  cacheDir: string,
  jars: string,
  jdk: string,
  onProgress: (line: string) => void,
): Promise<{ jvm: string[]; main: string }> {
  const source = await readFile(SOURCE);
  const key = createHash('sha256').update(jars).update(jdk).update(source).digest('hex');
  const folder = join(cacheDir, `neo4j-server-${key.slice(0, 12)}`);
  const jar = join(folder, 'server.jar');
  const archive = join(folder, 'classes.jsa');
  const run = [...JVM_FLAGS, '-cp', `${jar}:${join(jars, '*')}`];
  if (!(await isThere(archive))) {
    onProgress('Preparing Neo4j, once: half a minute');
    await mkdir(folder, { recursive: true });
    const staging = await mkdtemp(join(folder, 'new-'));
    try {
      if (!(await isThere(jar))) await compile(staging, jars, jar);
      await rehearse(staging, run, archive);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  return { jvm: [`-XX:SharedArchiveFile=${archive}`, ...run], main: MAIN };
}

async function compile(staging: string, jars: string, jar: string): Promise<void> {
  const classes = join(staging, 'classes');
  const made = join(staging, 'server.jar');
  await runTool('javac', ['-cp', join(jars, '*'), '-d', classes, SOURCE]);
  await runTool('jar', ['--create', '--file', made, '-C', classes, '.']);
  // Never put in the place of another start's, to which that start's archive is bound.
  await link(made, jar).catch(async (error) => {
    if (!(await isThere(jar))) throw error;
  });
}

// An archive is bound to the paths and times of its jars, so it is made in their last place. A JVM
// that makes none leaves an empty file, which it will pass over.
async function rehearse(staging: string, run: readonly string[], archive: string): Promise<void> {
  const made = join(staging, 'classes.jsa');
  await writeFile(made, '');
  await runTool('java', [
    `-XX:ArchiveClassesAtExit=${made}`,
    ...run,
    MAIN,
    staging,
    '0',
    'rehearse',
  ]);
  await rename(made, archive);
}
