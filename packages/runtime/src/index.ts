export { type Batcher, type BatcherOptions, createBatcher } from './batcher.ts';
export { EnvError, readEnv } from './env.ts';
export {
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
  retentionFields,
  url,
} from './env-fields.ts';
export { logConnectionErrors } from './log-connection-errors.ts';
export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions } from './logger.ts';
export { createCounter } from './metrics/create-counter.ts';
export { createHistogram } from './metrics/create-histogram.ts';
export { createRegistry } from './metrics/create-registry.ts';
export { perKey } from './metrics/per-key.ts';
export { type WatchedPool, watchPools } from './metrics/watch-pools.ts';
export { runMain } from './run-main.ts';
export { createShutdown, type Shutdown, type ShutdownOptions } from './shutdown.ts';
export { createTracer, type Span, type Tracer } from './tracing/create-tracer.ts';
export { tracingFields } from './tracing/tracing-fields.ts';
export { createWatchdog, type WatchdogOptions } from './watchdog.ts';
export { TimeoutError, within } from './within.ts';
