import { MIRROR_KINDS, type MirrorSource } from '@contour/contract';
import { type Comparison, type Difference, type Graph, verifyMirror } from '@contour/graph';

const MAX_EXAMPLES = 20;

export type OnProgress = (done: number, total: number) => void;

/** The two sides of the mirror. */
export interface MirrorSides {
  graph: Graph;
  source: MirrorSource;
}

/** The comparison of one kind, over all compared tenants. */
export interface KindFinding {
  kind: Difference['kind'];
  in_postgres: number;
  in_graph: number;
  /** On their way into the graph. */
  waiting: number;
  missing: number;
  different: number;
  extra: number;
  /** Null where several tenants were compared. */
  checksums: Comparison['checksums'] | null;
}

export interface GraphFinding {
  /** Differences of all kinds, and nodes without their whole key. */
  wrong: number;
  waiting: number;
  keyless: number;
  kinds: KindFinding[];
  examples: Array<ReturnType<typeof exampleOf>>;
}

export interface CompareOrder {
  repair: boolean;
  /** Empty: all tenants, and whatever else is in the graph. */
  tenantIds: readonly string[];
}

const PROBLEMS = { missing: 'missing', stale: 'different', extra: 'extra' } as const;

const noneOf = (kind: Difference['kind']): KindFinding => ({
  ...{ kind, in_postgres: 0, in_graph: 0, waiting: 0 },
  ...{ missing: 0, different: 0, extra: 0, checksums: null },
});

function exampleOf({ problem, kind, key }: Difference) {
  const channel = key.channel === '' ? null : key.channel;
  // The key of a whole tenant has no id of its own.
  const id = key.id === '' ? key.tenant_id : key.id;
  return { problem: PROBLEMS[problem], kind, tenant_id: key.tenant_id, channel, id };
}

/** Counts the differences between the graph and Postgres, with the first examples. */
export async function compareGraph(
  { graph, source }: MirrorSides,
  { repair, tenantIds }: CompareOrder,
  onProgress: OnProgress,
): Promise<GraphFinding> {
  const byKind = new Map([...MIRROR_KINDS, 'tenants' as const].map((kind) => [kind, noneOf(kind)]));
  const ofKind = (kind: Difference['kind']) => byKind.get(kind) ?? noneOf(kind);
  const examples: GraphFinding['examples'] = [];
  let comparisons = 0;
  const { differences, keyless, waiting } = await verifyMirror({
    ...{ graph, source, repair, onProgress },
    ...(tenantIds.length === 0 ? {} : { tenants: tenantIds }),
    onDifference(difference) {
      ofKind(difference.kind)[PROBLEMS[difference.problem]] += 1;
      if (examples.length < MAX_EXAMPLES) examples.push(exampleOf(difference));
    },
    onCompared(compared) {
      const found = ofKind(compared.kind);
      found.in_postgres += compared.inPostgres;
      found.in_graph += compared.inGraph;
      found.waiting += compared.waiting;
      found.checksums = compared.checksums;
      comparisons += 1;
    },
  });
  const kinds = [...byKind.values()].filter(({ kind, extra }) => kind !== 'tenants' || extra > 0);
  const isOfOneTenant = comparisons <= MIRROR_KINDS.length;
  if (!isOfOneTenant) for (const found of kinds) found.checksums = null;
  return { wrong: differences + keyless, waiting, keyless, kinds, examples };
}
