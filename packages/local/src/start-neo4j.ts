import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { freePort, portIsFree } from './free-port.ts';
import { buildNeo4jServer, downloadNeo4j, findJdk } from './neo4j-program.ts';
import {
  neo4jAnswers,
  type RunningServer,
  runServer,
  type ServerOptions,
  waitForFormerServer,
} from './run-server.ts';

const STOP_MS = 8_000;

export type Neo4jOptions = ServerOptions & {
  /** The directory of the downloaded Neo4j; may be shared. */
  cacheDir: string;
};

export type LocalNeo4j = RunningServer & { uri: string };

/**
 * Starts a Neo4j Community on the loopback interface, without passwords. It needs a JDK and, the first time, Maven. If it
 * cannot start, the message of the error is one line.
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
  const { onProgress = () => {}, flags = [] } = options;
  const dataDir = resolve(options.dataDir);
  const cacheDir = resolve(options.cacheDir);
  const jdk = await findJdk();
  const jars = await downloadNeo4j(cacheDir, onProgress);
  const { jvm, main } = await buildNeo4jServer(cacheDir, jars, jdk, onProgress);
  await mkdir(dataDir, { recursive: true });
  await waitForFormerServer(dataDir, join(dataDir, 'neo4j.pid'));
  const port = options.port ?? (await freePort());
  // The probe would take another server on this port for Neo4j.
  if (!(await portIsFree(port))) throw new Error(`port ${port} is in use`);
  const server = await runServer({
    name: 'Neo4j',
    command: 'java',
    args: [...jvm, ...flags, main, dataDir, String(port)],
    cwd: dataDir,
    deadlineMs: STOP_MS,
    port,
    logFile: options.logFile ?? `${dataDir}.log`,
    ready: () => neo4jAnswers(port),
  });
  return { ...server, uri: `bolt://127.0.0.1:${port}` };
}
