import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  MIRROR_KINDS,
  type MirrorKey,
  type MirrorKind,
  type MirrorRow,
  type MirrorSource,
  mirrorKeyOf,
  mirrorKeyText,
} from '@contour/contract';
import type { Graph } from './create-graph.ts';

const PAGE = 1_000;
const MAX_TRIES = 10;
const PAUSE_MS = 100;

/** One kind of nodes of one tenant, in Postgres and in the graph. */
export interface Comparison {
  tenantId: string;
  kind: MirrorKind;
  inPostgres: number;
  inGraph: number;
  /** Rows that wait to be mirrored. They may differ. */
  waiting: number;
  differences: number;
  /** Over all rows in the order of their keys, with their edges. */
  checksums: { postgres: string; graph: string };
}

/** `missing` in the graph, `stale` (a property or an edge differs), or `extra` (only in the graph). */
export interface Difference {
  problem: 'missing' | 'stale' | 'extra';
  kind: MirrorKind | 'tenants';
  key: MirrorKey;
}

interface VerifyDeps {
  graph: Graph;
  source: MirrorSource;
  /** By default all tenants, and all other nodes of the graph. */
  tenants?: readonly string[];
  /**
   * Unmarks rows and notes nodes for removal, so that the next `drain` repairs every difference. Creates missing
   * constraints and removes nodes without a key at once.
   */
  repair: boolean;
  onDifference: (difference: Difference) => void;
  onCompared: (comparison: Comparison) => void;
  onProgress: (rows: number, total: number) => void;
}

/**
 * Compares Postgres and the graph, tenant by tenant. Both may be in use. `waiting` are the rows that differ because they
 * wait to be mirrored, and `keyless` the nodes of our labels without a complete key.
 */
export async function verifyMirror(deps: VerifyDeps) {
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
  const keyless = await graph.countKeyless();
  if (repair && keyless > 0) await graph.removeKeyless();
  return { differences, waiting, keyless };
}

type PageRow = MirrorRow & { is_marked: boolean };

/** `unmark` skips locked rows, so it is repeated. */
async function unmarkAll({ source }: VerifyDeps, kind: MirrorKind, rows: readonly MirrorRow[]) {
  let left = rows;
  for (let tries = 0; left.length > 0 && tries < MAX_TRIES; tries += 1) {
    if (tries > 0) await delay(PAUSE_MS);
    await source.unmark(kind, left);
    left = await source.stillMarked(kind, left);
  }
}

/** Reports and counts the rows that were marked as mirrored before the graph was read, and still are. */
async function judge(
  deps: VerifyDeps,
  kind: MirrorKind,
  rows: readonly PageRow[],
  isInGraph: (row: MirrorRow) => boolean,
): Promise<number> {
  const marked = rows.filter((row) => row.is_marked);
  if (marked.length === 0) return 0;
  const wrong = await deps.source.stillMarked(kind, marked);
  for (const row of wrong) {
    const problem = isInGraph(row) ? 'stale' : 'missing';
    deps.onDifference({ problem, kind, key: mirrorKeyOf(row) });
  }
  if (deps.repair) await unmarkAll(deps, kind, wrong);
  return wrong.length;
}

/** Compares page by page, so that the memory does not grow with the number of rows. */
async function compareKind(
  deps: VerifyDeps,
  tenantId: string,
  kind: MirrorKind,
  onPage: (rows: number) => void,
): Promise<Comparison> {
  const { graph, source } = deps;
  const sums = { postgres: [] as string[], graph: [] as string[] };
  let [inPostgres, matched, waiting, differences] = [0, 0, 0, 0];
  for (let last: MirrorRow | null = null; ; ) {
    const rows: PageRow[] = await source.readPage(kind, tenantId, last, PAGE);
    last = rows.at(-1) ?? null;
    if (last === null) break;
    const found = await graph.look(kind, rows);
    const expected = rows.map((row) => lineOf({ ...row }, ownersOf(kind, row)));
    const nodes = linesOf(found);
    const seen = rows.map((row) => nodes.get(keyTextOf(row)));
    sums.postgres.push(checksum(expected));
    sums.graph.push(checksum(seen.map((line = '') => line)));
    const differing = rows.filter((_, i) => seen[i] !== expected[i]);
    const wrong = await judge(deps, kind, differing, (row) => nodes.has(keyTextOf(row)));
    inPostgres += rows.length;
    matched += found.length;
    waiting += differing.length - wrong;
    differences += wrong;
    onPage(rows.length);
  }
  const inGraph = await graph.count(kind, tenantId);
  // Keys are unique, so if there are more nodes than matches, some nodes have no row.
  if (inGraph > matched) differences += await findExtra(deps, tenantId, kind);
  const checksums = { postgres: checksum(sums.postgres), graph: checksum(sums.graph) };
  return { tenantId, kind, inPostgres, inGraph, waiting, differences, checksums };
}

const keyTextOf = (row: unknown): string => mirrorKeyText(mirrorKeyOf(row as MirrorRow));

/** The fields that the graph shows of a row, and the nodes that its node belongs to. */
function lineOf(row: Record<string, unknown>, owners: unknown): string {
  const { name = null, phone = null, channel = null, status = null } = row;
  return JSON.stringify([keyTextOf(row), name, phone, channel, status, owners]);
}

const ownersOf = (kind: MirrorKind, row: MirrorRow): string[][] =>
  kind === 'clients' ? [[row.tenant_id]] : [[row.tenant_id, row.client_id]];

const checksum = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);

/** The lines of the nodes by their keys. */
function linesOf(found: readonly Record<string, unknown>[]): Map<string, string> {
  const lines = new Map<string, string>();
  for (const node of found) {
    const key = keyTextOf(node);
    // Without its constraint a graph can have a node twice, and then both are wrong.
    lines.set(key, lines.has(key) ? 'twice' : lineOf(node, node.owners));
  }
  return lines;
}

/** Reports keys without a row. With `repair` it notes their nodes for removal. */
async function judgeExtra(
  { source, repair, onDifference }: VerifyDeps,
  kind: MirrorKind | 'tenants',
  keys: readonly MirrorKey[],
): Promise<number> {
  const extra = await source.orphans(kind, keys);
  for (const key of extra) onDifference({ problem: 'extra', kind, key });
  if (repair) await source.noteRemovals(kind, extra);
  return extra.length;
}

/** Counts and reports a tenant's nodes that have no row in Postgres. */
async function findExtra(deps: VerifyDeps, tenantId: string, kind: MirrorKind): Promise<number> {
  let extra = 0;
  await deps.graph.eachKey(kind, tenantId, async (keys) => {
    extra += await judgeExtra(deps, kind, keys);
  });
  return extra;
}

/** Finds the nodes of tenants that Postgres does not know. */
async function findStrangers(deps: VerifyDeps, known: ReadonlySet<string>): Promise<void> {
  for (const tenantId of await deps.graph.tenants()) {
    if (known.has(tenantId)) continue;
    for (const kind of MIRROR_KINDS) await findExtra(deps, tenantId, kind);
    await judgeExtra(deps, 'tenants', [{ tenant_id: tenantId, channel: '', id: '' }]);
  }
}
