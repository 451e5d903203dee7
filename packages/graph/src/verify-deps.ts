import type { MirrorKey, MirrorKind, MirrorSource } from '@contour/contract';
import type { Graph } from './create-graph.ts';

/** One kind of nodes of one tenant, as both sides have it. */
export interface Comparison {
  tenantId: string;
  kind: MirrorKind;
  inPostgres: number;
  inGraph: number;
  /** Rows on their way into the graph: that these differ is nobody's fault. */
  waiting: number;
  differences: number;
  /** Over every row in the order of its key, with its edges. */
  checksums: { postgres: string; graph: string };
}

/** `missing` in the graph, `stale` there (a property or an edge), or `extra`: in the graph alone. */
export interface Difference {
  problem: 'missing' | 'stale' | 'extra';
  kind: MirrorKind | 'tenants';
  key: MirrorKey;
}

export interface VerifyDeps {
  graph: Graph;
  source: MirrorSource;
  /** Left out: every tenant, and whatever else is in the graph. */
  tenants?: readonly string[];
  /**
   * Has every difference mended by the next `drain`: here rows only lose their mark, and nodes are
   * noted for removal. Constraints that are missing are made, and nodes without a key removed, at once.
   */
  repair: boolean;
  onDifference: (difference: Difference) => void;
  onCompared: (comparison: Comparison) => void;
  onProgress: (rows: number, total: number) => void;
}
