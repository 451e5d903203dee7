import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createShutdown, readEnv, type Shutdown } from '@contour/runtime';
import { migrate } from '@contour/store/migrations';
import { type AddCommand, type Cli, EXIT, exitCodeOf, explain } from '../cli.ts';
import { type StartEnv, startEnv } from '../env.ts';
import { withDatabase } from '../servers.ts';
import { banner } from '../start/banner.ts';
import { embeddedPorts, listenPort } from '../start/free-ports.ts';
import { keepRunning, waitUntilReady } from '../start/keep-running.ts';
import { onlyOne } from '../start/only-one.ts';
import { startMirror, startServers } from '../start/servers.ts';
import { makeDemo } from './demo.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const STOP_MS = 20_000;

interface StartDeps {
  /** The checkout with the built programs. The state is kept in its `.contour`. */
  root: string;
  env: StartEnv;
  /** What the API and the worker inherit. */
  inherited: NodeJS.ProcessEnv;
  say: (line: string) => void;
  shutdown: Pick<Shutdown, 'add'>;
}

/** Starts everything in order. `shutdown` stops it in reverse. */
async function start(deps: StartDeps): Promise<void> {
  const { root, env, say, shutdown } = deps;
  const state = join(root, '.contour');
  await mkdir(state, { recursive: true });
  shutdown.add('lock', await onlyOne(join(state, 'running.lock')));
  const port = await listenPort('PORT', env.HOST, env.PORT);
  const workerPort = await listenPort('WORKER_PORT', env.HOST, env.WORKER_PORT);

  const ports = await embeddedPorts(join(state, 'ports.json'));
  // Neo4j starts by far the slowest, so the others start meanwhile.
  const mirrorStarts = startMirror({ state, ports, env, say, shutdown });
  const servers = await startServers({ state, ports, env, say, shutdown });
  await prepareDatabase(servers.databaseUrl, say);
  const mirror = await mirrorStarts;

  const base = `http://${urlHost(env.HOST)}`;
  const urls = { apiUrl: `${base}:${port}`, workerUrl: `${base}:${workerPort}` };
  const settings = {
    ...{ DATABASE_URL: servers.databaseUrl, REDIS_URL: servers.redisUrl },
    ...('off' in mirror ? {} : { NEO4J_URI: mirror.uri }),
    ...{ HOST: env.HOST, PORT: String(port), WORKER_PORT: String(workerPort) },
  };
  await startApps(deps, settings, urls);

  const keys = { apiKeys: env.API_KEYS.length > 0, adminKeys: env.ADMIN_KEYS.length > 0 };
  const run = randomBytes(4).toString('hex');
  say(banner({ ...servers, mirror, ...keys, ...urls, coreUrl: env.CORE_URL, run }));
}

async function prepareDatabase(url: string, say: (line: string) => void): Promise<void> {
  await withDatabase(url, async (pool) => {
    const applied = await migrate(pool);
    for (const name of applied) say(`Applied migration ${name}`);
    const credentials = await makeDemo(pool);
    say(`Demo tenant: ${credentials.join(', ')}`);
  });
}

/** Starts the API and a worker with these settings besides the inherited ones, and waits until both are ready. */
async function startApps(
  { root, inherited, say, shutdown }: StartDeps,
  settings: Record<string, string>,
  { apiUrl, workerUrl }: { apiUrl: string; workerUrl: string },
): Promise<void> {
  say('Starting the API and a worker');
  const run = async (name: 'api' | 'worker') => {
    const script = join(root, 'apps', name, 'dist', 'main.js');
    const app = await keepRunning({ name, script, env: { ...inherited, ...settings }, say });
    shutdown.add(name, () => app.stop());
    return app;
  };
  const api = await run('api');
  const worker = await run('worker');
  await waitUntilReady('The API', `${apiUrl}/readyz`, api.firstEnd);
  await waitUntilReady('The worker', `${workerUrl}/livez`, worker.firstEnd);
}

// Not every address to listen on is an address to connect to.
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

async function startUntilStopped({ env: inherited, say, complain }: Cli): Promise<void> {
  let stopping = false;
  const logger = {
    info({ reason = '' }: { reason?: string }, event?: string) {
      stopping = true;
      if (reason.startsWith('SIG')) say(event === 'process.stopped' ? 'Stopped.' : '\nStopping …');
    },
    error: (fields: object) => complain(`not everything stopped cleanly ${JSON.stringify(fields)}`),
    fatal: ({ err }: { err?: unknown }) => complain(explain(err)),
  };
  const shutdown = createShutdown({ timeoutMs: STOP_MS, logger: logger as never });
  // From here on `shutdown` handles uncaught errors, too.
  process.removeAllListeners('uncaughtException');
  shutdown.install();
  // The reader of the output has ended, as in `npm start | head`.
  process.stdout.on('error', () => void shutdown.stop('output closed', EXIT.failed));
  try {
    const env = readEnv(startEnv, inherited);
    await start({ root: ROOT, env, inherited, say, shutdown });
  } catch (error) {
    if (stopping) return; // an interrupted start fails as expected
    complain(explain(error));
    await shutdown.stop('start failed', exitCodeOf(error));
  }
}

export const add: AddCommand = (program, cli) => {
  program
    .command('start')
    .description('start Postgres, Redis, Neo4j, the API and a worker, and keep them running')
    .addHelpText('after', '\nExample:\n  CORE_URL=http://127.0.0.1:5678/webhook/core contour start')
    .action(() => startUntilStopped(cli));
};
