import { MIRROR_KINDS } from '@contour/contract';
import { compareKind } from './compare-kind.ts';
import { findExtra, judgeExtra } from './find-extra.ts';
import type { VerifyDeps } from './verify-deps.ts';

export interface Verification {
  differences: number;
  /** Rows that differ because they are on their way. */
  waiting: number;
  /** Nodes of our labels without their whole key: nobody's mirror. */
  keyless: number;
}

/** What belongs to a tenant that Postgres does not know. */
async function findStrangers(deps: VerifyDeps, known: ReadonlySet<string>): Promise<void> {
  for (const tenantId of await deps.graph.tenants()) {
    if (known.has(tenantId)) continue;
    for (const kind of MIRROR_KINDS) await findExtra(deps, tenantId, kind);
    await judgeExtra(deps, 'tenants', [{ tenant_id: tenantId, channel: '', id: '' }]);
  }
}

async function clearKeyless({ graph, repair }: VerifyDeps): Promise<number> {
  const keyless = await graph.countKeyless();
  if (repair && keyless > 0) await graph.removeKeyless();
  return keyless;
}

/** Compares Postgres and the graph, tenant by tenant, while both are in use. */
export async function verifyMirror(deps: VerifyDeps): Promise<Verification> {
  const { source, graph, repair, onCompared, onProgress } = deps;
  if (repair) await graph.prepare();
  const tenants = deps.tenants ?? (await source.tenants());
  const total = await source.countRows(tenants);
  let rows = 0;
  let differences = 0;
  let waiting = 0;
  const counting: VerifyDeps = {
    ...deps,
    onDifference: (difference) => {
      differences += 1;
      deps.onDifference(difference);
    },
  };
  for (const tenantId of tenants) {
    for (const kind of MIRROR_KINDS) {
      const comparison = await compareKind(counting, tenantId, kind, (more) => {
        rows += more;
        onProgress(rows, Math.max(rows, total));
      });
      waiting += comparison.waiting;
      onCompared(comparison);
    }
  }
  if (deps.tenants !== undefined) return { differences, waiting, keyless: 0 };
  await findStrangers(counting, new Set(tenants));
  return { differences, waiting, keyless: await clearKeyless(deps) };
}
