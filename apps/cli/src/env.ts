import { linkByPhone, phoneRegion, timezone } from '@contour/contract';
import {
  coreFields,
  coreInProduction,
  keyList,
  neo4jFields,
  port,
  positiveInt,
  retentionFields,
  url,
} from '@contour/runtime';
import { z } from 'zod';

const postgresUrl = url(['postgres:', 'postgresql:']);

const redisUrl = url(['redis:', 'rediss:']);

export const databaseEnv = z.object({ DATABASE_URL: postgresUrl });

export const serversEnv = databaseEnv.extend({ REDIS_URL: redisUrl });

/** A replay leaves half of MAX_BACKLOG to senders, and reads a text that could not be read again. */
export const replayEnv = serversEnv.extend({
  MAX_BACKLOG: positiveInt(100_000),
  DEFAULT_TIMEZONE: timezone,
});

/** Redis and the graph may be left out. */
export const auditEnv = databaseEnv.extend({
  REDIS_URL: redisUrl.optional(),
  ...neo4jFields,
  STREAM_SHARDS: positiveInt(4),
  ...retentionFields,
});

/** The settings by which a worker finds clients, for a forecast. */
export const resolvingEnv = databaseEnv.extend({
  LINK_BY_PHONE: linkByPhone,
  DEFAULT_PHONE_REGION: phoneRegion,
});

/** For a command that calls the API. */
export const senderEnv = z.object({ API_KEY: z.string().optional() });

export const graphEnv = databaseEnv.extend({
  ...neo4jFields,
  NEO4J_URI: neo4jFields.NEO4J_URI.unwrap(),
});

/** For a command that searches for a person everywhere. */
export const everywhereEnv = serversEnv.extend({
  ...neo4jFields,
  DEFAULT_PHONE_REGION: phoneRegion,
});

export type EverywhereEnv = Readonly<z.infer<typeof everywhereEnv>>;

const startFields = z.object({
  DATABASE_URL: postgresUrl.optional(),
  REDIS_URL: redisUrl.optional(),
  ...neo4jFields,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(8772),
  WORKER_PORT: port().default(8773),
  ...coreFields,
  API_KEYS: keyList(),
  ADMIN_KEYS: keyList(),
});

/** The settings that `start` itself reads, before it starts anything. The API and the worker read and check the rest. */
export const startEnv = startFields.check(coreInProduction);

export type StartEnv = Readonly<z.infer<typeof startEnv>>;
