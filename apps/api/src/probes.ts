import type { Probe, Supervised } from '@contour/http';

export interface Probes {
  postgres(): Promise<void>;
  redis(): Promise<void>;
  /** Null if none is configured. */
  neo4j: (() => Promise<void>) | null;
  workers(): Promise<number>;
  pendingMigrations(): Promise<string[]>;
  redisFacts(): Promise<{ maxmemoryPolicy: string; aof: boolean }>;
}

async function migrationFindings({ pendingMigrations }: Probes) {
  const missing = await pendingMigrations();
  const reasons = missing.length === 0 ? [] : [`Migrations are missing: ${missing.join(', ')}`];
  return { reasons, warnings: [] };
}

async function redisFindings({ redisFacts }: Probes) {
  const { maxmemoryPolicy: policy, aof } = await redisFacts();
  return {
    reasons: policy === 'noeviction' ? [] : [`Redis may evict: its maxmemory-policy is ${policy}`],
    warnings: aof ? [] : ['Redis has no AOF: if Redis crashes, queued messages are lost'],
  };
}

/** The servers that the API needs. Only the mirror needs Neo4j, so no request is refused while it is away. */
export function supervisedBy(probes: Probes, isLeaving: () => boolean): Supervised {
  const servers: Probe[] = [
    {
      name: 'postgres',
      title: 'Postgres',
      isRequired: true,
      ask: probes.postgres,
      fitness: {
        check: () => migrationFindings(probes),
        unknown: 'Cannot check whether migrations are missing',
      },
    },
    { name: 'neo4j', title: 'Neo4j', isRequired: false, ask: probes.neo4j },
    {
      name: 'redis',
      title: 'Redis',
      isRequired: true,
      ask: probes.redis,
      fitness: {
        check: () => redisFindings(probes),
        unknown: 'Cannot check whether Redis may evict',
      },
    },
  ];
  const workers = { name: 'workers', read: probes.workers, none: 'no worker lives' };
  return { probes: servers, counts: [workers], isLeaving };
}
