import type { MirrorKey, MirrorKind } from '@contour/contract';
import type { VerifyDeps } from './verify-deps.ts';

/** Reports keys that belong to no row, and has their nodes removed where that is asked for. */
export async function judgeExtra(
  { source, repair, onDifference }: VerifyDeps,
  kind: MirrorKind | 'tenants',
  keys: readonly MirrorKey[],
): Promise<number> {
  const extra = await source.orphans(kind, keys);
  for (const key of extra) onDifference({ problem: 'extra', kind, key });
  if (repair) await source.noteRemovals(kind, extra);
  return extra.length;
}

/** Nodes of a tenant that have no row in Postgres. */
export async function findExtra(
  deps: VerifyDeps,
  tenantId: string,
  kind: MirrorKind,
): Promise<number> {
  let extra = 0;
  await deps.graph.eachKey(kind, tenantId, async (keys) => {
    extra += await judgeExtra(deps, kind, keys);
  });
  return extra;
}
