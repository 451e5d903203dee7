import { timezone } from '@contour/contract';
import {
  keyList,
  LOG_LEVELS,
  neo4jFields,
  nodeEnv,
  nonNegativeInt,
  oneOf,
  port,
  positiveInt,
  requiredInProduction,
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
  NODE_ENV: nodeEnv,
});

/** Every setting of the API. In production no endpoint may be open. */
export const apiEnv = fields
  .check(requiredInProduction('API_KEYS'), requiredInProduction('ADMIN_KEYS'))
  .refine((env) => env.DRAIN_MS < env.SHUTDOWN_MS, {
    path: ['DRAIN_MS'],
    error: 'must be less than SHUTDOWN_MS',
  });

export type ApiEnv = Readonly<z.infer<typeof apiEnv>>;
