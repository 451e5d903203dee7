import { within } from '@contour/runtime';

const PROBE_WITHIN_MS = 2000;

export interface Probes {
  postgres(): Promise<void>;
  redis(): Promise<void>;
  /** Null where none is configured. */
  neo4j: (() => Promise<void>) | null;
  workers(): Promise<number>;
  pendingMigrations(): Promise<string[]>;
  redisFacts(): Promise<{ maxmemoryPolicy: string; aof: boolean }>;
  /** Whether this process has been told to stop. */
  isLeaving(): boolean;
}

/** A probe under way is shared, so that many who ask at once cannot use up the probes' connections. */
function shared<T>(probe: () => Promise<T>, what: string): () => Promise<T | undefined> {
  let underWay: Promise<T | undefined> | undefined;
  return () => {
    underWay ??= within(PROBE_WITHIN_MS, probe(), what)
      .catch(() => undefined)
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };
}

const isThere = (probe: () => Promise<void>, what: string) =>
  shared(() => probe().then(() => true), what);

export interface Health {
  status: 'ok' | 'degraded' | 'unavailable';
  postgres: boolean;
  neo4j: boolean | null;
  redis: boolean;
  workers: number;
}

export interface Readiness {
  status: 'ready' | 'unready';
  reasons: string[];
  warnings: string[];
}

function statusOf({ postgres, redis, neo4j, workers }: Omit<Health, 'status'>): Health['status'] {
  if (!postgres || !redis) return 'unavailable';
  return neo4j === false || workers === 0 ? 'degraded' : 'ok';
}

function migrationReasons(postgres: boolean, missing: string[] | undefined): string[] {
  if (!postgres) return ['Postgres is away'];
  if (missing === undefined) return ['It cannot be told whether migrations are missing'];
  return missing.length === 0 ? [] : [`Migrations are missing: ${missing.join(', ')}`];
}

function redisReasons(redis: boolean, policy: string | undefined): string[] {
  if (!redis) return ['Redis is away'];
  if (policy === undefined) return ['It cannot be told whether Redis may evict'];
  return policy === 'noeviction' ? [] : [`Redis may evict: its maxmemory-policy is ${policy}`];
}

/** Real pings, side by side, none of them waited for longer than two seconds. */
export function createHealth(probes: Probes) {
  const postgres = isThere(probes.postgres, 'postgres');
  const redis = isThere(probes.redis, 'redis');
  const neo4j = probes.neo4j === null ? null : isThere(probes.neo4j, 'neo4j');
  const workers = shared(probes.workers, 'redis');
  const pendingMigrations = shared(probes.pendingMigrations, 'postgres');
  const redisFacts = shared(probes.redisFacts, 'redis');

  return {
    async health(): Promise<Health> {
      const [hasPostgres, hasNeo4j, hasRedis, workerCount] = await Promise.all([
        postgres(),
        neo4j === null ? null : neo4j(),
        redis(),
        workers(),
      ]);
      const seen = {
        postgres: hasPostgres === true,
        neo4j: hasNeo4j === null ? null : hasNeo4j === true,
        redis: hasRedis === true,
        workers: workerCount ?? 0,
      };
      return { status: statusOf(seen), ...seen };
    },

    async readiness(): Promise<Readiness> {
      const [hasPostgres, missing, hasRedis, facts, hasNeo4j] = await Promise.all([
        postgres(),
        pendingMigrations(),
        redis(),
        redisFacts(),
        neo4j === null ? null : neo4j(),
      ]);
      const reasons = [
        ...(probes.isLeaving() ? ['This process is shutting down'] : []),
        ...migrationReasons(hasPostgres === true, missing),
        ...redisReasons(hasRedis === true, facts?.maxmemoryPolicy),
      ];
      const warnings = [
        ...(facts?.aof === false ? ['Redis keeps no AOF: what is queued dies with it'] : []),
        // Only the mirror waits for it: nothing here is refused because of it.
        ...(hasNeo4j === undefined ? ['Neo4j is away'] : []),
      ];
      return { status: reasons.length === 0 ? 'ready' : 'unready', reasons, warnings };
    },
  };
}

export type HealthChecks = ReturnType<typeof createHealth>;
