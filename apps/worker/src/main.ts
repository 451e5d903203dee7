import { createLogger, createShutdown, readEnv, runMain } from '@contour/runtime';
import { workerEnv } from './env.ts';
import { startWorker } from './worker.ts';

await runMain('contour-worker', async () => {
  const env = readEnv(workerEnv, process.env);
  const logger = createLogger({ level: env.LOG_LEVEL, name: 'contour-worker' });
  const shutdown = createShutdown({ timeoutMs: env.SHUTDOWN_MS, logger });
  shutdown.install();
  await startWorker(env, logger, shutdown);
});
