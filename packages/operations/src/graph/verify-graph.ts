import { setTimeout as delay } from 'node:timers/promises';
import { type MirrorSource, mirrorKeyText } from '@contour/contract';
import { createMirror, type Mirror, type Refusal } from '@contour/graph';
import {
  type CompareOrder,
  compareGraph,
  type GraphFinding,
  type MirrorSides,
  type OnProgress,
} from './compare-graph.ts';

const LOOK_MS = 500;
/** A busy server may time out once or twice. A server that is away is not waited for. */
const MAX_FAILURES = 5;

/** A row that Neo4j does not take. */
type RefusedRow = Record<'kind' | 'tenant_id' | 'id' | 'reason', string>;

export interface Verified extends GraphFinding {
  /** Nothing is wrong in the end. */
  equal: boolean;
  repaired: number;
  refused: RefusedRow[];
}

/** Compares the graph with Postgres, and mends it if asked to. */
export async function verifyGraph(
  sides: MirrorSides,
  order: CompareOrder,
  progress: Record<'comparing' | 'mending', OnProgress>,
): Promise<Verified> {
  const found = await compareGraph(sides, order, progress.comparing);
  const lacks = found.wrong + found.waiting;
  if (!order.repair || lacks === 0) {
    return { equal: found.wrong === 0, repaired: 0, ...found, refused: [] };
  }
  const refused = await mendGraph(sides, progress.mending);
  const isMended = refused.length === 0;
  return { equal: isMended, repaired: isMended ? lacks : 0, ...found, refused };
}

/** Waits until the graph shows all that it lacks; returns the rows that Neo4j refuses. */
async function mendGraph(
  { graph, source }: MirrorSides,
  onProgress: OnProgress,
): Promise<RefusedRow[]> {
  const refused = new Map<string, RefusedRow>();
  const onRefused = ({ kind, key, error }: Refusal) => {
    const reason = error instanceof Error ? error.message : String(error);
    refused.set(mirrorKeyText(key), { kind, tenant_id: key.tenant_id, id: key.id, reason });
  };
  const mirror = createMirror({ graph, source, onRefused });
  const isDone = await catchUp({ mirror, source, hasRefused: () => refused.size > 0, onProgress });
  return isDone ? [] : [...refused.values()];
}

export interface CatchUpDeps {
  mirror: Mirror;
  source: Pick<MirrorSource, 'backlog'>;
  hasRefused: () => boolean;
  onProgress: OnProgress;
  lookEveryMs?: number;
}

/**
 * Waits until the graph shows all that it lacked at the call. Does the work itself, unless a worker is
 * doing it. Returns false early when only rows are left that the graph refuses.
 */
export async function catchUp(deps: CatchUpDeps): Promise<boolean> {
  const { mirror, source, hasRefused, onProgress, lookEveryMs = LOOK_MS } = deps;
  const startedAt = performance.now();
  const { rows: total } = await source.backlog();
  const look = async () => {
    const { rows, oldestSeconds } = await source.backlog();
    onProgress(Math.max(0, total - rows), total);
    // Rows that came later are younger than this call. On a busy system there are always some.
    return rows === 0 || oldestSeconds < (performance.now() - startedAt) / 1000;
  };

  for (let failures = 0; ; await delay(lookEveryMs)) {
    const draining = mirror.drain().then(
      (drain) => drain.ended,
      (error) => {
        failures += 1;
        if (failures === MAX_FAILURES) throw error;
        return 'failed' as const;
      },
    );
    // A drain may take long, and its progress is shown meanwhile.
    let ended: Awaited<typeof draining> | undefined;
    while (ended === undefined) {
      ended = await Promise.race([draining, delay(lookEveryMs, undefined, { ref: false })]);
      if (ended === undefined) await look().catch(() => undefined);
    }
    if (await look()) return true;
    if (ended === 'done' && hasRefused()) return false;
    if (ended !== 'failed') failures = 0;
  }
}
