import { timezone } from '@contour/contract';
import {
  keyList,
  LOG_LEVELS,
  neo4jFields,
  nonNegativeInt,
  oneOf,
  port,
  positiveInt,
  tracingFields,
  url,
} from '@contour/runtime';
import { z } from 'zod';

const fields = z.object({
  DATABASE_URL: url(['postgres:', 'postgresql:']),
  REDIS_URL: url(['redis:', 'rediss:']),
  ...neo4jFields,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(8772),
  RESOLVE_WAIT_MS: positiveInt(10_000),
  RATE_LIMIT: nonNegativeInt(0),
  DEFAULT_TIMEZONE: timezone,
  API_KEYS: keyList(),
  ADMIN_KEYS: keyList(),
  MAX_BACKLOG: positiveInt(100_000),
  MAX_WAITING_PER_ACCOUNT: positiveInt(10_000),
  STREAM_SHARDS: positiveInt(4),
  SHUTDOWN_MS: positiveInt(10_000),
  DRAIN_MS: nonNegativeInt(0),
  LOG_LEVEL: oneOf(LOG_LEVELS, 'info'),
  ...tracingFields,
  NODE_ENV: oneOf(['development', 'test', 'production'], 'development'),
});

/** In production no endpoint may be open. */
const keysInProduction = (name: 'API_KEYS' | 'ADMIN_KEYS') =>
  z.refine<z.infer<typeof fields>>(
    (env) => env.NODE_ENV !== 'production' || (env[name]?.length ?? 0) > 0,
    // Checked also if another setting is wrong, so that every fault is named at once.
    { path: [name], error: 'is required in production', when: () => true },
  );

/** Every setting of the API. */
export const apiEnv = fields
  .check(keysInProduction('API_KEYS'), keysInProduction('ADMIN_KEYS'))
  .refine((env) => env.DRAIN_MS < env.SHUTDOWN_MS, {
    path: ['DRAIN_MS'],
    error: 'must be less than SHUTDOWN_MS',
  });

export type ApiEnv = Readonly<z.infer<typeof apiEnv>>;
