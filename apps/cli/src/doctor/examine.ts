import { type Check, fail, isAtLeast, ok } from './check.ts';
import { examineCore, examineNeo4j } from './neo4j-and-core.ts';
import { examinePostgres } from './postgres.ts';
import { examineRedis } from './redis.ts';
import { examineSettings } from './settings.ts';

const DEFAULT_MAX_BACKLOG = 100_000;

function checkNode(): Check {
  const { node } = process.versions;
  if (isAtLeast(node, 20, 19)) return ok('node', node);
  return fail('node', node, 'upgrade to 20.19 or later');
}

/** Examines all servers at once. A server that is away costs a few seconds and fails only its own checks. */
export async function examine(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const { checks, values } = await examineSettings(env);
  const text = (name: string): string | undefined =>
    typeof values[name] === 'string' ? values[name] : undefined;
  const [databaseUrl, redisUrl] = [text('DATABASE_URL'), text('REDIS_URL')];
  const [neo4jUri, coreUrl] = [text('NEO4J_URI'), text('CORE_URL')];
  const maxBacklog = Number(values.MAX_BACKLOG ?? DEFAULT_MAX_BACKLOG);
  const neo4j = { user: text('NEO4J_USER') ?? 'neo4j', password: text('NEO4J_PASSWORD') };
  const looks = await Promise.all([
    databaseUrl === undefined ? [] : examinePostgres(databaseUrl),
    redisUrl === undefined ? [] : examineRedis(redisUrl, maxBacklog),
    coreUrl === undefined ? [] : examineCore(coreUrl),
  ]);
  // Afterwards: loading its driver blocks long enough to time out the others.
  const graph = neo4jUri === undefined ? [] : await examineNeo4j({ uri: neo4jUri, ...neo4j });
  return [...checks, checkNode(), ...looks.flat(), ...graph];
}
