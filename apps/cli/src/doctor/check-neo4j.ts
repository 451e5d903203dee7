import { createGraph, type GraphOptions } from '@contour/graph';
import { within } from '@contour/runtime';
import { reasonOf } from '../reason-of.ts';
import { type Check, fail, ok, warn } from './check.ts';
import { shownUrl } from './shown-setting.ts';
import { isAtLeast } from './versions.ts';

const LOOK_MS = 3_000;

/** Whether the graph can be reached, and is one that understands the mirror's statements. */
export async function checkNeo4j(options: GraphOptions): Promise<Check[]> {
  const graph = createGraph(options);
  const where = shownUrl(options.uri);
  try {
    const version = await within(LOOK_MS, graph.version(), 'Neo4j');
    return [
      ok('neo4j', where),
      isAtLeast(version, 5, 0)
        ? ok('neo4j version', version)
        : fail('neo4j version', version, 'upgrade to 5 or later'),
    ];
  } catch (error) {
    const advice =
      'start it, or correct NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD; the rest works on';
    // The driver puts its advice for every case before what was the matter.
    const reason = reasonOf(error).replace(/^.*Caused by: /s, '');
    return [warn('neo4j', `${where}: ${reason}`, advice)];
  } finally {
    await graph.close();
  }
}
