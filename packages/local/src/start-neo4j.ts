import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buildNeo4jServer } from './build-neo4j-server.ts';
import { downloadNeo4j } from './download-neo4j.ts';
import { findJdk } from './find-jdk.ts';
import { waitForFormerServer } from './former-server.ts';
import { freePort, portIsFree } from './free-port.ts';
import { neo4jAnswers } from './probe.ts';
import { runServer } from './run-server.ts';

const STOP_MS = 8_000;

export type Neo4jOptions = {
  /** Where the data stays; made when it is not there. */
  dataDir: string;
  /** Where the downloaded Neo4j is kept; may be shared. */
  cacheDir: string;
  /** A free one by default. */
  port?: number;
  /** More flags for the JVM: `['-Xmx2g']`. */
  flags?: readonly string[];
  /** Where the server's own output is appended. */
  logFile?: string;
  /** Hears what takes long, one line at a time. */
  onProgress?: (line: string) => void;
};

export type LocalNeo4j = {
  uri: string;
  /** Of the JVM itself: what stops it, stops Neo4j. */
  pid: number;
  port: number;
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
};

/**
 * Starts a Neo4j Community on the loopback interface, without passwords. Throws, in one line, why
 * this machine cannot have one: it takes a JDK and, the first time, Maven.
 */
export async function startNeo4j(options: Neo4jOptions): Promise<LocalNeo4j> {
  try {
    return await start(options);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(message.replaceAll(/\s*\n\s*/g, ' '), { cause });
  }
}

async function start(options: Neo4jOptions): Promise<LocalNeo4j> {
  const { onProgress = () => {} } = options;
  const dataDir = resolve(options.dataDir);
  const cacheDir = resolve(options.cacheDir);
  const jdk = await findJdk();
  const jars = await downloadNeo4j(cacheDir, onProgress);
  const { jvm, main } = await buildNeo4jServer(cacheDir, jars, jdk, onProgress);
  await mkdir(dataDir, { recursive: true });
  await waitForFormerServer(dataDir, join(dataDir, 'neo4j.pid'));
  const port = options.port ?? (await freePort());
  // Whoever listens there would be taken for the one that is started here.
  if (!(await portIsFree(port))) throw new Error(`port ${port} is in use`);
  const child = await runServer({
    name: 'Neo4j',
    command: 'java',
    args: [...jvm, ...(options.flags ?? []), main, dataDir, String(port)],
    cwd: dataDir,
    deadlineMs: STOP_MS,
    logFile: options.logFile ?? `${dataDir}.log`,
    ready: () => neo4jAnswers(port),
  });
  return {
    uri: `bolt://127.0.0.1:${port}`,
    pid: child.pid,
    port,
    stop: () => child.stop(),
    async kill() {
      child.signal('SIGKILL');
      await child.exited;
    },
  };
}
