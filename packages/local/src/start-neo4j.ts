import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillCache, withStaging } from './directories.ts';
import { freePort, portIsFree } from './free-port.ts';
import {
  type CachedServerOptions,
  neo4jAnswers,
  type RunningServer,
  runServer,
  waitForFormerServer,
} from './run-server.ts';
import { onPath, runTool } from './run-tool.ts';
import { superviseChild } from './supervise-child.ts';

const OLDEST = 17;
const NEO4J_VERSION = '5.26.31';

const POM = fileURLToPath(new URL('../neo4j/pom.xml', import.meta.url));
const DOWNLOAD_MS = 5 * 60_000;
const MAIN = 'Neo4jServer';
const SOURCE = fileURLToPath(new URL(`../neo4j/${MAIN}.java`, import.meta.url));

// With two cores and a small heap the serial collector starts fastest, and others gain nothing.
const JVM_FLAGS = [
  ...['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError'],
  ...['-XX:-UsePerfData', '-Dlog4j2.disable.jmx=true'],
  ...['java.nio', 'java.io', 'sun.nio.ch'].map(
    (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`,
  ),
];

const STOP_MS = 8_000;

export type LocalNeo4j = RunningServer & { uri: string };

/**
 * Starts a Neo4j Community on the loopback interface, without passwords. It needs a JDK and, the first time, Maven. If it
 * cannot start, the message of the error is one line.
 */
export async function startNeo4j(options: CachedServerOptions): Promise<LocalNeo4j> {
  try {
    return await start(options);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(message.replaceAll(/\s*\n\s*/g, ' '), { cause });
  }
}

async function start(options: CachedServerOptions): Promise<LocalNeo4j> {
  const { onProgress = () => {}, flags = [] } = options;
  const dataDir = resolve(options.dataDir);
  const cacheDir = resolve(options.cacheDir);
  const jdk = await findJdk();
  const jars = await downloadNeo4j(cacheDir, onProgress);
  const jvm = await buildNeo4jServer(cacheDir, jars, jdk, onProgress);
  await mkdir(dataDir, { recursive: true });
  await waitForFormerServer(dataDir, join(dataDir, 'neo4j.pid'));
  const port = options.port ?? (await freePort());
  // The probe would take another server on this port for Neo4j.
  if (!(await portIsFree(port))) throw new Error(`port ${port} is in use`);
  const server = await runServer({
    name: 'Neo4j',
    command: 'java',
    args: [...jvm, ...flags, MAIN, dataDir, String(port)],
    cwd: dataDir,
    deadlineMs: STOP_MS,
    port,
    logFile: options.logFile ?? `${dataDir}.log`,
    ready: () => neo4jAnswers(port),
  });
  return { ...server, uri: `bolt://127.0.0.1:${port}` };
}

/** The version text of the JDK on PATH. Throws if there is none that Neo4j can run on. */
async function findJdk(): Promise<string> {
  // Java 8 fails because it has no --version. It is too old in any case.
  const versionOf = (command: string) => runTool(command, ['--version']).catch(() => '');
  const [java, javac] = await Promise.all([versionOf('java'), versionOf('javac')]);
  if (majorOf(java) >= OLDEST && majorOf(javac) >= OLDEST) return java;
  throw new Error(`there is no JDK ${OLDEST} or later on PATH`);
}

/** 17 for `openjdk 17.0.15 2025-04-15` and for `javac 17.0.15`. */
const majorOf = (version: string): number => Number(/^\S+ (\d+)/.exec(version)?.[1] ?? 0);

/** Fetches the jars of Neo4j Community with Maven into the cache and returns their folder. */
async function downloadNeo4j(
  cacheDir: string,
  onProgress: (line: string) => void,
): Promise<string> {
  const home = join(cacheDir, `neo4j-${NEO4J_VERSION}`);
  if (existsSync(home)) return home;
  if (!(await onPath('mvn'))) throw new Error('there is no Maven (mvn) on PATH');
  onProgress(`Fetching Neo4j ${NEO4J_VERSION} with Maven, once: 120 MB, a minute or two`);
  await fillCache(home, fetchWithMaven);
  return home;
}

// Maven's usual repository is not used: two Mavens cannot share it, and an account without a home has none.
async function fetchWithMaven(staging: string): Promise<string> {
  const jars = join(staging, 'jars');
  const log = join(staging, 'maven.log');
  const args = [
    ...['--batch-mode', '--quiet', '--strict-checksums', '--log-file', log, '--file', POM],
    ...[`-Dmaven.repo.local=${join(staging, 'repository')}`, `-Dneo4j.version=${NEO4J_VERSION}`],
    ...['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`],
  ];
  const maven = await superviseChild('mvn', args, { cwd: staging, output: 'ignore' });
  const timer = setTimeout(() => void maven.stop(), DOWNLOAD_MS);
  const { code } = await maven.exited.finally(() => clearTimeout(timer));
  if (code === 0 && existsSync(jars)) return jars;
  const reason = code === null ? 'it took too long' : await firstError(log);
  throw new Error(`Maven could not fetch Neo4j: ${reason}`);
}

async function firstError(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const line = /^\[ERROR\] (.+?)(?: -> \[Help \d+\])?$/m.exec(text)?.[1];
  return line ?? 'without a reason in its log';
}

/**
 * The arguments of `java` for the server. The first call compiles the server, and runs it once so that
 * the JVM archives the loaded classes: without the archive every start takes half as long again.
 */
async function buildNeo4jServer(
  cacheDir: string,
  jars: string,
  jdk: string,
  onProgress: (line: string) => void,
): Promise<string[]> {
  const source = await readFile(SOURCE);
  const key = createHash('sha256').update(jars).update(jdk).update(source).digest('hex');
  const folder = join(cacheDir, `neo4j-server-${key.slice(0, 12)}`);
  const jar = join(folder, 'server.jar');
  const archive = join(folder, 'classes.jsa');
  const run = [...JVM_FLAGS, '-cp', `${jar}:${join(jars, '*')}`];
  if (!existsSync(archive)) {
    onProgress('Preparing Neo4j, once: half a minute');
    await mkdir(folder, { recursive: true });
    await withStaging(join(folder, 'new-'), async (staging) => {
      if (!existsSync(jar)) await compile(staging, jars, jar);
      await rehearse(staging, run, archive);
    });
  }
  return [`-XX:SharedArchiveFile=${archive}`, ...run];
}

async function compile(staging: string, jars: string, jar: string): Promise<void> {
  const classes = join(staging, 'classes');
  const made = join(staging, 'server.jar');
  await runTool('javac', ['-cp', join(jars, '*'), '-d', classes, SOURCE]);
  await runTool('jar', ['--create', '--file', made, '-C', classes, '.']);
  // Must not replace the jar of another start, because that start's archive is bound to it.
  await link(made, jar).catch((error: unknown) => {
    if (!existsSync(jar)) throw error;
  });
}

// An archive is bound to the paths and times of its jars, so it is made with the jars in their final place. If the JVM
// makes none, the file stays empty, and later starts ignore it.
async function rehearse(staging: string, run: readonly string[], archive: string): Promise<void> {
  const made = join(staging, 'classes.jsa');
  await writeFile(made, '');
  const args = [`-XX:ArchiveClassesAtExit=${made}`, ...run, MAIN, staging];
  await runTool('java', [...args, '0', 'rehearse']);
  await rename(made, archive);
}
