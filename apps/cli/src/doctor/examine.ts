import { type Check, fail, ok } from './check.ts';
import { checkCore } from './check-core.ts';
import { checkNeo4j } from './check-neo4j.ts';
import { checkPostgres } from './check-postgres.ts';
import { checkRedis } from './check-redis.ts';
import { type CheckedSettings, checkSettings } from './check-settings.ts';
import { loadProcessSettings } from './process-settings.ts';
import { isAtLeast } from './versions.ts';

const DEFAULT_MAX_BACKLOG = 100_000;

function checkNode(): Check {
  const { node } = process.versions;
  if (isAtLeast(node, 20, 19)) return ok('node', node);
  return fail('node', node, 'upgrade to 20.19 or later');
}

async function settingsOf(env: NodeJS.ProcessEnv): Promise<CheckedSettings> {
  const settings = await loadProcessSettings().catch(() => undefined);
  if (settings !== undefined) return checkSettings(settings, env);
  const check = fail('settings', 'the processes are not built', 'run npm ci && npm run build');
  return { checks: [check], values: {} };
}

/** Looks at the servers at once; one that is away costs its own few seconds, and its own lines. */
export async function examine(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const { checks, values } = await settingsOf(env);
  const text = (name: string): string | undefined =>
    typeof values[name] === 'string' ? values[name] : undefined;
  const [databaseUrl, redisUrl] = [text('DATABASE_URL'), text('REDIS_URL')];
  const [neo4jUri, coreUrl] = [text('NEO4J_URI'), text('CORE_URL')];
  const maxBacklog = Number(values.MAX_BACKLOG ?? DEFAULT_MAX_BACKLOG);
  const neo4j = { user: text('NEO4J_USER') ?? 'neo4j', password: text('NEO4J_PASSWORD') };
  const looks = await Promise.all([
    databaseUrl === undefined ? [] : checkPostgres(databaseUrl),
    redisUrl === undefined ? [] : checkRedis(redisUrl, maxBacklog),
    coreUrl === undefined ? [] : checkCore(coreUrl),
  ]);
  // By itself: its driver takes long to load, which must not pass for the silence of the others.
  const graph = neo4jUri === undefined ? [] : await checkNeo4j({ uri: neo4jUri, ...neo4j });
  return [...checks, checkNode(), ...looks.flat(), ...graph];
}
