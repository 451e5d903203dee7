import { linkByPhone, phoneRegion, timezone } from '@contour/contract';
import { parseSecret } from '@contour/core';
import {
  coreFields,
  coreInProduction,
  flag,
  LOG_LEVELS,
  listOf,
  neo4jFields,
  nonNegativeInt,
  oneOf,
  port,
  positiveInt,
  retentionFields,
  tracingFields,
  url,
} from '@contour/runtime';
import { z } from 'zod';

function isSecret(text: string): boolean {
  try {
    parseSecret(text);
    return true;
  } catch {
    return false;
  }
}

const fields = z.object({
  DATABASE_URL: url(['postgres:', 'postgresql:']),
  REDIS_URL: url(['redis:', 'rediss:']),
  ...neo4jFields,
  ...coreFields,
  CORE_SECRET: z.string().refine(isSecret, 'must be whsec_ and base64').optional(),
  CORE_TIMEOUT_MS: positiveInt(15_000),
  DELIVER_ATTEMPTS: positiveInt(12),
  DELIVER_CONCURRENCY: positiveInt(100),
  DELIVER_SHARDS: positiveInt(16),
  RESOLVE_CONCURRENCY: positiveInt(100),
  STREAM_SHARDS: positiveInt(4),
  WORKER_ROLES: listOf(['resolve', 'stream', 'deliver', 'graph']),
  WORKER_PORT: port().default(8773),
  HOST: z.string().default('127.0.0.1'),
  LINK_BY_PHONE: linkByPhone,
  DEFAULT_PHONE_REGION: phoneRegion,
  DEFAULT_TIMEZONE: timezone,
  MAX_PARKED_PER_ACCOUNT: nonNegativeInt(1_000),
  MAX_PARKED_BYTES_PER_ACCOUNT: nonNegativeInt(8 * 1024 * 1024),
  MAX_PARKED_UNKNOWN: nonNegativeInt(20_000),
  MAX_PARKED_UNKNOWN_BYTES: nonNegativeInt(64 * 1024 * 1024),
  RELEASE_PARKED: flag(true),
  ...retentionFields,
  SHUTDOWN_MS: positiveInt(10_000),
  LOG_LEVEL: oneOf(LOG_LEVELS, 'info'),
  ...tracingFields,
});

/** Every variable that the worker reads. */
export const workerEnv = fields.check(coreInProduction);

export type WorkerEnv = Readonly<z.infer<typeof workerEnv>>;
