import { fileURLToPath } from 'node:url';
import { createShutdown, readEnv } from '@contour/runtime';
import type { AddCommand, Cli } from '../cli.ts';
import { startEnv } from '../env.ts';
import { EXIT, exitCodeOf } from '../exit-code.ts';
import { explain } from '../explain.ts';
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
  // From here on every end is an orderly one, also that of an error which nobody caught.
  process.removeAllListeners('uncaughtException');
  shutdown.install();
  // Whoever read the output has gone (`npm start | head`): there is nobody to run for.
  process.stdout.on('error', () => void shutdown.stop('output closed', EXIT.failed));
  try {
    const env = readEnv(startEnv, inherited);
    await start({ root: ROOT, env, inherited, say, shutdown });
  } catch (error) {
    if (stopping) return; // a start that was cut off fails, and that is no news
    complain(explain(error));
    await shutdown.stop('start failed', exitCodeOf(error));
  }
}

export const addStart: AddCommand = (program, cli) => {
  program
    .command('start')
    .description('start Postgres, Redis, Neo4j, the API and a worker, and keep them running')
    .addHelpText('after', '\nExample:\n  CORE_URL=http://127.0.0.1:5678/webhook/core contour start')
    .action(() => startUntilStopped(cli));
};
