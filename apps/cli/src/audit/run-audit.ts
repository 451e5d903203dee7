import type { GraphOptions } from '@contour/graph';
import { openQueueAudit } from '@contour/queue';
import {
  CROWDED_CLIENTS,
  countTenant,
  countUnmirrored,
  OVERDUE_LANES,
  type Pool,
  TABLE_CHECKS,
  type TenantCounts,
  type Unmirrored,
} from '@contour/store';
import { withRedis } from '../with-redis.ts';
import { auditDead, auditEntries } from './audit-dlq.ts';
import { type AuditFinding, skipped } from './audit-finding.ts';
import { auditGraph, GRAPH_CHECK } from './audit-graph.ts';
import { auditStreams, STREAM_CHECK } from './audit-streams.ts';
import { auditStrays, auditTables } from './audit-tables.ts';

export interface AuditOrder {
  /** The tenants to look at, one after another. */
  tenantIds: readonly string[];
  /** Whether these are all: then what belongs to none of them is looked at, too. */
  isWhole: boolean;
  redisUrl: string | undefined;
  neo4j: GraphOptions | undefined;
  streamShards: number;
  retentionDays: number;
  onProgress: (done: number, total: number) => void;
}

export interface Audit {
  tenants: number;
  counts: TenantCounts;
  unmirrored: Unmirrored;
  findings: AuditFinding[];
}

const NO_REDIS = 'REDIS_URL is not set';
const NO_GRAPH = 'NEO4J_URI is not set';

function sum(total: TenantCounts, counts: TenantCounts): TenantCounts {
  const names = Object.keys(total) as Array<keyof TenantCounts>;
  return Object.fromEntries(names.map((name) => [name, total[name] + counts[name]])) as never;
}

const NONE: TenantCounts = {
  ...{ clients: 0, identities: 0, dialogs: 0, messages: 0, lanes: 0 },
  ...{ delivered: 0, dead: 0, pending: 0 },
};

async function auditTenants(pool: Pool, order: AuditOrder, hasLiveWorkers: boolean) {
  const { tenantIds, retentionDays, onProgress } = order;
  const audits = TABLE_CHECKS.map((check) => auditTables(pool, check, retentionDays));
  audits.push(auditTables(pool, CROWDED_CLIENTS, retentionDays, 'warning'));
  if (hasLiveWorkers) audits.push(auditTables(pool, OVERDUE_LANES, retentionDays, 'warning'));
  const steps = tenantIds.length * audits.length;
  let counts = NONE;
  let done = 0;
  for (const tenantId of tenantIds) {
    const own = await countTenant(pool, tenantId);
    counts = sum(counts, own);
    for (const audit of audits) {
      await audit.audit(tenantId, own);
      done += 1;
      onProgress(done, steps);
    }
  }
  // All of them at once: each may have to wait for what is in flight.
  return { counts, findings: await Promise.all(audits.map((audit) => audit.end())) };
}

async function auditDlq(pool: Pool, { tenantIds, isWhole }: AuditOrder): Promise<AuditFinding[]> {
  const [tenantId] = tenantIds;
  const filter = isWhole || tenantId === undefined ? {} : { tenantId };
  return [await auditDead(pool, tenantIds), await auditEntries(pool, filter)];
}

async function auditRedis({ redisUrl, streamShards }: AuditOrder): Promise<AuditFinding> {
  const { check, promise } = STREAM_CHECK;
  if (redisUrl === undefined) return skipped(check, promise, NO_REDIS);
  return withRedis(redisUrl, openQueueAudit, (redis) => auditStreams(redis, streamShards));
}

async function auditMirror(pool: Pool, order: AuditOrder): Promise<AuditFinding> {
  const { neo4j, isWhole, tenantIds, onProgress } = order;
  if (neo4j === undefined) return skipped(GRAPH_CHECK.check, GRAPH_CHECK.promise, NO_GRAPH);
  return auditGraph(pool, neo4j, isWhole ? [] : tenantIds, onProgress);
}

/** Holds the promises against what Postgres, Redis and the graph hold; writes nothing, and may meet any load. */
export async function runAudit(pool: Pool, order: AuditOrder): Promise<Audit> {
  const { redisUrl, tenantIds, isWhole } = order;
  const workers =
    redisUrl === undefined
      ? 0
      : await withRedis(redisUrl, openQueueAudit, (redis) => redis.liveWorkers());
  const { counts, findings } = await auditTenants(pool, order, workers > 0);
  if (isWhole) findings.push(await auditStrays(pool, tenantIds.length));
  if (workers === 0) {
    const { name, promise } = OVERDUE_LANES;
    findings.push(skipped(name, promise, redisUrl === undefined ? NO_REDIS : 'no worker lives'));
  }
  const looks = await Promise.all([auditDlq(pool, order), auditRedis(order)]);
  findings.push(...looks.flat());
  findings.push(await auditMirror(pool, order));
  const unmirrored = await countUnmirrored(pool, isWhole ? null : (tenantIds[0] ?? null));
  return { tenants: tenantIds.length, counts, unmirrored, findings };
}
