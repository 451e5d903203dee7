import { createGraph, type GraphOptions } from '@contour/graph';
import { createMirrorSource, type Pool } from '@contour/store';
import { compareGraph, type GraphFinding } from '../graph/compare-graph.ts';
import { type AuditFinding, concluded } from './audit-finding.ts';

const EXAMPLES = 5;

export const GRAPH_CHECK = {
  check: 'graph',
  promise: 'the graph shows what Postgres holds',
};

const detailOf = ({ problem, kind, id, tenant_id }: GraphFinding['examples'][number]) =>
  `${kind} ${id}: ${problem} in the graph (tenant ${tenant_id})`;

/** What is only on its way is no difference; so this may meet any load, like the rest. */
export async function auditGraph(
  pool: Pool,
  neo4j: GraphOptions,
  tenantIds: readonly string[],
  onProgress: (done: number, total: number) => void,
): Promise<AuditFinding> {
  const graph = createGraph(neo4j);
  try {
    const rooms = { graph, source: createMirrorSource(pool) };
    const found = await compareGraph(rooms, { repair: false, tenantIds }, onProgress);
    const looked = found.kinds.reduce((sum, kind) => sum + kind.in_postgres, 0);
    const examples = found.examples.slice(0, EXAMPLES).map(detailOf);
    return concluded(GRAPH_CHECK, looked, { violations: found.wrong, examples });
  } finally {
    await graph.close();
  }
}
