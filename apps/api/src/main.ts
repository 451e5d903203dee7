import { createLogger, createShutdown, readEnv, runMain } from '@contour/runtime';
import { apiEnv } from './env.ts';
import { startApi } from './start-api.ts';

await runMain('contour-api', async () => {
  const env = readEnv(apiEnv, process.env);
  const logger = createLogger({ level: env.LOG_LEVEL, name: 'contour-api' });
  const shutdown = createShutdown({ timeoutMs: env.SHUTDOWN_MS, logger });
  shutdown.install();
  await startApi(env, logger, shutdown);
});
