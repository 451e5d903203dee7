import type { MirrorSource } from '@contour/contract';
import type { Graph } from '@contour/graph';
import type { ForgottenEntry, QueueAudit } from '@contour/queue/inspect';
import {
  CROWDED_CLIENTS,
  OVERDUE_LANES,
  TABLE_CHECKS,
  type TenantCounts,
  type Unmirrored,
} from '@contour/store/audit';
import { compareGraph, type GraphFinding, type OnProgress } from '../graph/compare-graph.ts';
import { type AuditSources, auditDead, auditEntries, auditStrays, auditTables } from './checks.ts';
import {
  type AuditFinding,
  type Check,
  concluded,
  createSuspicion,
  type Pause,
  skipped,
} from './suspicion.ts';

export interface AuditDeps {
  tables: AuditSources;
  /** Undefined where REDIS_URL is not set. */
  queue: Omit<QueueAudit, 'close'> | undefined;
  /** Undefined where NEO4J_URI is not set. */
  mirror: { graph: Graph; source: MirrorSource } | undefined;
  onProgress: OnProgress;
  pause?: Pause;
}

export interface AuditOrder {
  /** The tenants to check, one after another. */
  tenantIds: readonly string[];
  /** Whether these are all tenants. Then rows and nodes that belong to none of them are checked, too. */
  isWhole: boolean;
  streamShards: number;
  retentionDays: number;
}

export interface Audit {
  /** No promise is broken. */
  ok: boolean;
  violations: number;
  tenants: number;
  counts: TenantCounts;
  unmirrored: Unmirrored;
  findings: AuditFinding[];
}

/** Checks the promises against Postgres, Redis and the graph. Writes nothing; works under any load. */
export async function runAudit(deps: AuditDeps, order: AuditOrder): Promise<Audit> {
  const { tables, queue, pause } = deps;
  const { tenantIds, isWhole } = order;
  const tenantId = isWhole ? undefined : tenantIds[0];
  const workers = (await queue?.liveWorkers()) ?? 0;
  const { counts, findings } = await auditTenants(deps, order, workers > 0);
  if (isWhole) findings.push(await auditStrays(tables, tenantIds.length, pause));
  if (workers === 0) {
    const check = { check: OVERDUE_LANES.name, promise: OVERDUE_LANES.promise };
    findings.push(skipped(check, queue === undefined ? NO_REDIS : 'no worker is running'));
  }
  const looks = await Promise.all([
    auditDead(tables, tenantIds, pause),
    auditEntries(tables, { tenantId }, pause),
    auditStreams(deps, order),
  ]);
  findings.push(...looks, await auditGraph(deps, order));
  const unmirrored = await tables.countUnmirrored(tenantId ?? null);
  const broken = findings.filter(({ state }) => state === 'violated');
  const violations = broken.reduce((total, finding) => total + finding.violations, 0);
  const ok = broken.length === 0;
  return { ok, violations, tenants: tenantIds.length, counts, unmirrored, findings };
}

const NO_REDIS = 'REDIS_URL is not set';
const NO_GRAPH = 'NEO4J_URI is not set';

const NONE: TenantCounts = {
  ...{ clients: 0, identities: 0, dialogs: 0, messages: 0, lanes: 0 },
  ...{ delivered: 0, dead: 0, pending: 0 },
};
const COUNTED = Object.keys(NONE) as Array<keyof TenantCounts>;

async function auditTenants(
  { tables, onProgress, pause }: AuditDeps,
  { tenantIds, retentionDays }: AuditOrder,
  hasLiveWorkers: boolean,
) {
  const warnings = [CROWDED_CLIENTS, ...(hasLiveWorkers ? [OVERDUE_LANES] : [])];
  const audits = [...TABLE_CHECKS, ...warnings].map((check) => {
    const broken = warnings.includes(check) ? 'warning' : 'violated';
    return auditTables(tables, check, retentionDays, { broken, pause });
  });
  const steps = tenantIds.length * audits.length;
  const counts = { ...NONE };
  let done = 0;
  for (const tenantId of tenantIds) {
    const own = await tables.countTenant(tenantId);
    for (const name of COUNTED) counts[name] += own[name];
    for (const audit of audits) {
      await audit.audit(tenantId, own);
      done += 1;
      onProgress(done, steps);
    }
  }
  // All at once: each may have to wait for work in flight.
  return { counts, findings: await Promise.all(audits.map((audit) => audit.end())) };
}

/** An entry is tried eight times within seconds and then parked, so a minute is long. */
const FORGOTTEN_SECONDS = 60;

const STREAMS: Check = { check: 'streams', promise: 'no entry is in hand for a minute and more' };

const suspectOf = ({ shard, id, idleSeconds, deliveries }: ForgottenEntry) => ({
  ...{ tenantId: '', key: `${shard} ${id}` },
  detail: `contour:resolve:${shard} ${id}: untouched for ${idleSeconds} s, handed out ${deliveries} times`,
});

/** A warning, not a violation: a forgotten entry continues when a worker reads its stream. */
async function auditStreams(
  { queue, pause }: AuditDeps,
  { streamShards }: AuditOrder,
): Promise<AuditFinding> {
  if (queue === undefined) return skipped(STREAMS, NO_REDIS);
  const shards = Array.from({ length: streamShards }, (_, shard) => shard);
  const look = async (shard: number) =>
    (await queue.forgottenEntries(shard, FORGOTTEN_SECONDS)).map(suspectOf);
  const suspicion = createSuspicion(async (suspects) => {
    const left = new Set((await Promise.all(shards.map(look))).flat().map(({ key }) => key));
    return suspects.filter(({ key }) => left.has(key));
  }, pause);
  let looked = 0;
  for (const shard of shards) {
    looked += await queue.pendingEntries(shard);
    await suspicion.add(await look(shard));
  }
  return concluded(STREAMS, looked, await suspicion.end(), 'warning');
}

const GRAPH: Check = { check: 'graph', promise: 'the graph shows what Postgres holds' };

const GRAPH_EXAMPLES = 5;

const graphExample = ({ problem, kind, tenant_id, id }: GraphFinding['examples'][number]) =>
  `${kind} ${id}: ${problem} in the graph (tenant ${tenant_id})`;

/** Rows on their way into the graph are no difference, so this works under any load, too. */
async function auditGraph(
  { mirror, onProgress }: AuditDeps,
  { isWhole, tenantIds }: AuditOrder,
): Promise<AuditFinding> {
  if (mirror === undefined) return skipped(GRAPH, NO_GRAPH);
  const compared = { repair: false, tenantIds: isWhole ? [] : tenantIds };
  const found = await compareGraph(mirror, compared, onProgress);
  const looked = found.kinds.reduce((total, kind) => total + kind.in_postgres, 0);
  const examples = found.examples.slice(0, GRAPH_EXAMPLES).map(graphExample);
  return concluded(GRAPH, looked, { violations: found.wrong, examples });
}
