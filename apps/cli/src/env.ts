import { keyList, neo4jFields, port, url } from '@contour/runtime';
import { z } from 'zod';

const postgresUrl = url(['postgres:', 'postgresql:']);

/** What a command needs that works on a database. */
export const databaseEnv = z.object({ DATABASE_URL: postgresUrl });

/** What a command needs that works on the graph. */
export const graphEnv = databaseEnv.extend({
  ...neo4jFields,
  NEO4J_URI: neo4jFields.NEO4J_URI.unwrap(),
});

/** What `start` itself looks at; the API and the worker read the rest and check it. */
export const startEnv = z.object({
  DATABASE_URL: postgresUrl.optional(),
  REDIS_URL: url(['redis:', 'rediss:']).optional(),
  ...neo4jFields,
  HOST: z.string().default('127.0.0.1'),
  PORT: port().default(8772),
  WORKER_PORT: port().default(8773),
  CORE_URL: z.string().optional(),
  API_KEYS: keyList(),
  ADMIN_KEYS: keyList(),
});

export type StartEnv = Readonly<z.infer<typeof startEnv>>;
