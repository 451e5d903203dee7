import { linkByPhone, phoneRegion } from '@contour/contract';
import { keyList, neo4jFields, port, positiveInt, retentionFields, url } from '@contour/runtime';
import { z } from 'zod';

const postgresUrl = url(['postgres:', 'postgresql:']);

const redisUrl = url(['redis:', 'rediss:']);

/** What a command needs that works on a database. */
export const databaseEnv = z.object({ DATABASE_URL: postgresUrl });

/** What a command needs that looks into both. */
export const serversEnv = databaseEnv.extend({ REDIS_URL: redisUrl });

/** Settings of a replay, which leaves half of the backlog to senders. */
export const replayEnv = serversEnv.extend({ MAX_BACKLOG: positiveInt(100_000) });

/** What an audit needs; Redis and the graph may be left out. */
export const auditEnv = databaseEnv.extend({
  REDIS_URL: redisUrl.optional(),
  ...neo4jFields,
  STREAM_SHARDS: positiveInt(4),
  ...retentionFields,
});

/** What a command needs that foresees how a worker would find clients. */
export const resolvingEnv = databaseEnv.extend({
  LINK_BY_PHONE: linkByPhone,
  DEFAULT_PHONE_REGION: phoneRegion,
});

/** What a command needs that calls the API. */
export const senderEnv = z.object({ API_KEY: z.string().optional() });

/** What a command needs that works on the graph. */
export const graphEnv = databaseEnv.extend({
  ...neo4jFields,
  NEO4J_URI: neo4jFields.NEO4J_URI.unwrap(),
});

/** What a command needs that looks for somebody everywhere. */
export const everywhereEnv = serversEnv.extend({
  ...neo4jFields,
  DEFAULT_PHONE_REGION: phoneRegion,
});

export type EverywhereEnv = Readonly<z.infer<typeof everywhereEnv>>;

/** What `start` itself looks at; the API and the worker read the rest and check it. */
export const startEnv = z.object({
  DATABASE_URL: postgresUrl.optional(),
  REDIS_URL: redisUrl.optional(),
  ...neo4jFields,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(8772),
  WORKER_PORT: port().default(8773),
  CORE_URL: z.string().optional(),
  API_KEYS: keyList(),
  ADMIN_KEYS: keyList(),
});

export type StartEnv = Readonly<z.infer<typeof startEnv>>;
