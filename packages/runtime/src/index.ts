export { type Batcher, createBatcher } from './batcher.ts';
export {
  EnvError,
  flag,
  keyList,
  listOf,
  type NamedKey,
  neo4jFields,
  neo4jOf,
  nonNegativeInt,
  oneOf,
  port,
  positiveInt,
  readEnv,
  retentionFields,
  url,
} from './env.ts';
export { logConnectionErrors } from './log-connection-errors.ts';
export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions } from './logger.ts';
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
export { createShutdown, type Shutdown, type ShutdownOptions } from './shutdown.ts';
export { createTracer, type Span, type Tracer } from './tracing/create-tracer.ts';
export { tracingFields } from './tracing/tracing-fields.ts';
export { createWatchdog, type WatchdogOptions } from './watchdog.ts';
export { TimeoutError, within } from './within.ts';
