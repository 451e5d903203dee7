import { type MirrorSource, mirrorKeyText } from '@contour/contract';
import {
  type Comparison,
  createGraph,
  createMirror,
  type Difference,
  type Graph,
  type GraphOptions,
  type Refusal,
  verifyMirror,
} from '@contour/graph';
import { createMirrorSource, type Pool } from '@contour/store';
import { UsageError } from '../cli.ts';
import { createProgressBar } from '../progress-bar.ts';
import { catchUp } from './catch-up.ts';

const SHOWN_DIFFERENCES = 20;

export interface VerifyOrder {
  repair: boolean;
  /** Empty: all, and whatever else is in the graph. */
  tenants: readonly string[];
}

interface Terminal {
  say: (line: string) => void;
  /** Where the progress is drawn. */
  screen: NodeJS.WriteStream;
}

const SINGULAR = {
  tenants: 'tenant',
  clients: 'client',
  identities: 'identity',
  dialogs: 'dialog',
} as const;

function lineOf({ problem, kind, key }: Difference): string {
  const what = [key.channel, key.id].filter((part) => part !== '').join(' ');
  return `  ${problem.padEnd(8)}${SINGULAR[kind].padEnd(9)} ${what} of tenant ${key.tenant_id}`;
}

/** Sums over tenants, by kind; a checksum is shown where there is but one tenant to take it of. */
function summary(comparisons: readonly Comparison[]): string[] {
  const kinds = [...new Set(comparisons.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const ofKind = comparisons.filter((comparison) => comparison.kind === kind);
    const sum = (read: (comparison: Comparison) => number) =>
      ofKind.reduce((total, comparison) => total + read(comparison), 0);
    const [only] = ofKind;
    const checksums =
      ofKind.length === 1 && only !== undefined
        ? `, checksum ${only.checksums.postgres} and ${only.checksums.graph}`
        : '';
    return (
      `  ${kind.padEnd(11)}${sum((c) => c.inPostgres)} in Postgres, ${sum((c) => c.inGraph)} in the ` +
      `graph, ${sum((c) => c.waiting)} on their way, ${sum((c) => c.differences)} wrong${checksums}`
    );
  });
}

interface Found {
  wrong: number;
  /** On their way into the graph. */
  waiting: number;
}

async function compare(
  graph: Graph,
  source: MirrorSource,
  { repair, tenants }: VerifyOrder,
  { say, screen }: Terminal,
): Promise<Found> {
  const bar = createProgressBar('Comparing', screen);
  const comparisons: Comparison[] = [];
  const shown: Difference[] = [];
  const { differences, keyless, waiting } = await verifyMirror({
    graph,
    source,
    repair,
    ...(tenants.length === 0 ? {} : { tenants }),
    onDifference: (difference) => {
      if (shown.length < SHOWN_DIFFERENCES) shown.push(difference);
    },
    onCompared: (comparison) => comparisons.push(comparison),
    onProgress: bar.show,
  }).finally(bar.end);
  for (const line of summary(comparisons)) say(line);
  for (const difference of shown) say(lineOf(difference));
  if (differences > shown.length) say(`  … and ${differences - shown.length} more`);
  if (keyless > 0) say(`  ${keyless} nodes without their whole key`);
  return { wrong: differences + keyless, waiting };
}

async function mend(
  graph: Graph,
  source: MirrorSource,
  { say, screen }: Terminal,
): Promise<boolean> {
  const refused = new Map<string, string>();
  const onRefused = ({ kind, key, error }: Refusal) => {
    const reason = error instanceof Error ? error.message : String(error);
    refused.set(
      mirrorKeyText(key),
      `  ${kind} ${key.id.slice(0, 64)} of ${key.tenant_id}: ${reason}`,
    );
  };
  const mirror = createMirror({ graph, source, onRefused });
  const bar = createProgressBar('Mending', screen);
  const isDone = await catchUp(mirror, source, () => refused.size > 0, bar.show).finally(bar.end);
  if (isDone) return true;
  say(`Neo4j refuses ${refused.size}:`);
  for (const line of [...refused.values()].slice(0, SHOWN_DIFFERENCES)) say(line);
  return false;
}

async function refuseUnknown(source: MirrorSource, tenants: readonly string[]): Promise<void> {
  const known = new Set(tenants.length === 0 ? [] : await source.tenants());
  const unknown = tenants.find((tenant) => !known.has(tenant));
  if (unknown !== undefined) throw new UsageError(`there is no tenant "${unknown}"`);
}

/** Compares the graph with Postgres and says what differs; true when in the end nothing does. */
export async function verifyGraph(
  pool: Pool,
  neo4j: GraphOptions,
  order: VerifyOrder,
  terminal: Terminal,
): Promise<boolean> {
  const { say } = terminal;
  const graph = createGraph(neo4j);
  const source = createMirrorSource(pool);
  try {
    await refuseUnknown(source, order.tenants);
    const { wrong, waiting } = await compare(graph, source, order, terminal);
    if (order.repair && wrong + waiting > 0) {
      const isMended = await mend(graph, source, terminal);
      if (isMended) say(`Mended ${wrong + waiting}. Run graph verify once more to be sure.`);
      return isMended;
    }
    if (wrong > 0) say(`${wrong} differences. Run again with --repair to mend them.`);
    else if (waiting > 0) say(`Nothing is wrong; ${waiting} are still on their way.`);
    else say('The graph shows what Postgres holds.');
    return wrong === 0;
  } finally {
    await graph.close();
  }
}
