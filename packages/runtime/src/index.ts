export { type Batcher, createBatcher, TimeoutError, within } from './batcher.ts';
export { createTracer, type Span, type Tracer } from './create-tracer.ts';
export {
  CONSOLE,
  coreFields,
  coreInProduction,
  EnvError,
  flag,
  keyList,
  listOf,
  type NamedKey,
  neo4jFields,
  neo4jOf,
  nodeEnv,
  nonNegativeInt,
  oneOf,
  port,
  positiveInt,
  readEnv,
  requiredInProduction,
  retentionFields,
  tracingFields,
  url,
} from './env.ts';
export { createLogger, LOG_LEVELS, type Logger, logConnectionErrors } from './logger.ts';
export {
  createCounter,
  createHistogram,
  createRegistry,
  perKey,
  type WatchedPool,
  watchPools,
} from './metrics.ts';
export { runMain } from './run-main.ts';
export { type Duty, startScheduler } from './scheduler.ts';
export { createShutdown, type Shutdown } from './shutdown.ts';
export { createWatchdog } from './watchdog.ts';
