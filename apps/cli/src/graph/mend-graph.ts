import { type MirrorSource, mirrorKeyText } from '@contour/contract';
import { createMirror, type Graph, type Refusal } from '@contour/graph';
import { createProgressBar } from '../progress-bar.ts';
import { catchUp } from './catch-up.ts';

/** A row that Neo4j does not take. */
export interface Refused {
  kind: string;
  tenant_id: string;
  id: string;
  reason: string;
}

/** Waits until the graph shows all that it lacks; returns what it refuses. */
export async function mendGraph(
  { graph, source }: { graph: Graph; source: MirrorSource },
  screen: NodeJS.WriteStream,
): Promise<Refused[]> {
  const refused = new Map<string, Refused>();
  const onRefused = ({ kind, key, error }: Refusal) => {
    const reason = error instanceof Error ? error.message : String(error);
    refused.set(mirrorKeyText(key), { kind, tenant_id: key.tenant_id, id: key.id, reason });
  };
  const mirror = createMirror({ graph, source, onRefused });
  const bar = createProgressBar('Mending', screen);
  const isDone = await catchUp(mirror, source, () => refused.size > 0, bar.show).finally(bar.end);
  return isDone ? [] : [...refused.values()];
}
