import { createGraph, type GraphOptions } from '@contour/graph';
import { createMirrorSource, type Pool } from '@contour/store';
import { createProgressBar } from '../progress-bar.ts';
import { compareGraph, type GraphFinding } from './compare-graph.ts';
import { mendGraph, type Refused } from './mend-graph.ts';

export interface VerifyOrder {
  repair: boolean;
  /** Empty: all, and whatever else is in the graph. */
  tenantIds: readonly string[];
}

/** What a script gets. */
export interface Verified extends GraphFinding {
  /** In the end nothing is wrong. */
  equal: boolean;
  /** How many were mended. */
  repaired: number;
  refused: Refused[];
}

/** Compares the graph with Postgres, and mends it where that is asked for. */
export async function verifyGraph(
  pool: Pool,
  neo4j: GraphOptions,
  order: VerifyOrder,
  screen: NodeJS.WriteStream,
): Promise<Verified> {
  const rooms = { graph: createGraph(neo4j), source: createMirrorSource(pool) };
  try {
    const bar = createProgressBar('Comparing', screen);
    const found = await compareGraph(rooms, order, bar.show).finally(bar.end);
    const lacks = found.wrong + found.waiting;
    if (!order.repair || lacks === 0) {
      return { equal: found.wrong === 0, repaired: 0, ...found, refused: [] };
    }
    const refused = await mendGraph(rooms, screen);
    const isMended = refused.length === 0;
    return { equal: isMended, repaired: isMended ? lacks : 0, ...found, refused };
  } finally {
    await rooms.graph.close();
  }
}
