import { fileURLToPath } from 'node:url';
import { createShutdown, readEnv } from '@contour/runtime';
import { type AddCommand, type Cli, EXIT, exitCodeOf, explain } from '../cli.ts';
import { startEnv } from '../env.ts';
import { start } from '../start/start.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const STOP_MS = 20_000;

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
