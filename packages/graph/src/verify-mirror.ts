import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  MIRROR_KINDS,
  type MirrorKey,
  type MirrorKind,
  type MirrorRow,
  type MirrorRows,
  type MirrorSource,
  mirrorKeyOf,
  mirrorKeyText,
} from '@contour/contract';
import type { Found, Graph } from './create-graph.ts';

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

interface Verification {
  differences: number;
  /** Rows that differ because they wait to be mirrored. */
  waiting: number;
  /** Nodes of our labels without a complete key. */
  keyless: number;
}

/** Compares Postgres and the graph, tenant by tenant. Both may be in use. */
export async function verifyMirror(deps: VerifyDeps): Promise<Verification> {
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
  return { differences, waiting, keyless: await clearKeyless(deps) };
}

/** The rows that were marked as mirrored before the graph was read, and still are. */
async function wrongOf<Kind extends MirrorKind>(
  { source }: VerifyDeps,
  kind: Kind,
  rows: ReadonlyArray<MirrorRows[Kind] & { is_marked: boolean }>,
): Promise<MirrorRows[Kind][]> {
  const marked = rows.filter((row) => row.is_marked);
  return marked.length === 0 ? [] : source.stillMarked(kind, marked);
}

/** `unmark` skips locked rows, so it is repeated. */
async function unmarkAll<Kind extends MirrorKind>(
  { source }: VerifyDeps,
  kind: Kind,
  rows: readonly MirrorRows[Kind][],
): Promise<void> {
  let left = rows;
  for (let tries = 0; left.length > 0 && tries < MAX_TRIES; tries += 1) {
    if (tries > 0) await delay(PAUSE_MS);
    await source.unmark(kind, left);
    left = await source.stillMarked(kind, left);
  }
}

async function judge<Kind extends MirrorKind>(
  deps: VerifyDeps,
  kind: Kind,
  problem: 'missing' | 'stale',
  rows: ReadonlyArray<MirrorRows[Kind] & { is_marked: boolean }>,
): Promise<number> {
  const wrong = await wrongOf(deps, kind, rows);
  for (const row of wrong) deps.onDifference({ problem, kind, key: mirrorKeyOf(row) });
  if (deps.repair) await unmarkAll(deps, kind, wrong);
  return wrong.length;
}

/** Compares page by page, so that the memory does not grow with the number of rows. */
async function compareKind<Kind extends MirrorKind>(
  deps: VerifyDeps,
  tenantId: string,
  kind: Kind,
  onPage: (rows: number) => void,
): Promise<Comparison> {
  const { graph, source } = deps;
  const sums = { postgres: [] as string[], graph: [] as string[] };
  let [inPostgres, matched, waiting, differences] = [0, 0, 0, 0];
  let last: MirrorRows[Kind] | null = null;
  for (;;) {
    const rows: Array<MirrorRows[Kind] & { is_marked: boolean }> = await source.readPage(
      kind,
      tenantId,
      last,
      PAGE,
    );
    last = rows.at(-1) ?? null;
    if (last === null) break;
    const found = await graph.look(kind, rows);
    const { checksums, missing, stale } = compareRows(kind, rows, found);
    const wrong =
      (await judge(deps, kind, 'missing', missing)) + (await judge(deps, kind, 'stale', stale));
    sums.postgres.push(checksums.postgres);
    sums.graph.push(checksums.graph);
    inPostgres += rows.length;
    matched += found.length;
    waiting += missing.length + stale.length - wrong;
    differences += wrong;
    onPage(rows.length);
  }
  const inGraph = await graph.count(kind, tenantId);
  // Keys are unique, so if there are more nodes than matches, some nodes have no row.
  if (inGraph > matched) differences += await findExtra(deps, tenantId, kind);
  const checksums = { postgres: checksum(sums.postgres), graph: checksum(sums.graph) };
  return { tenantId, kind, inPostgres, inGraph, waiting, differences, checksums };
}

type Owners = (string | null)[][];

/** The fields that the graph shows of a row, and the nodes that its node belongs to. */
function lineOf(row: Partial<Record<string, unknown>>, owners: Owners): string {
  const { name = null, phone = null, channel = null, status = null } = row;
  const key = mirrorKeyText(mirrorKeyOf(row as unknown as MirrorRow));
  return JSON.stringify([key, name, phone, channel, status, owners]);
}

const ownersOf = (kind: MirrorKind, row: MirrorRow): Owners =>
  kind === 'clients' ? [[row.tenant_id]] : [[row.tenant_id, row.client_id]];

const checksum = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);

interface ComparedRows<Row extends MirrorRow> {
  checksums: { postgres: string; graph: string };
  missing: Row[];
  stale: Row[];
}

/** Compares a page of rows with their nodes, row by row only if the checksums differ. */
function compareRows<Kind extends MirrorKind, Row extends MirrorRows[Kind]>(
  kind: Kind,
  rows: readonly Row[],
  found: readonly Found[],
): ComparedRows<Row> {
  const nodes = new Map<string, string>();
  for (const node of found) {
    const key = mirrorKeyText(mirrorKeyOf(node as never));
    // Without its constraint a graph can have a node twice, and then both are wrong.
    nodes.set(key, nodes.has(key) ? 'twice' : lineOf({ ...node }, node.owners));
  }
  const expected = rows.map((row) => lineOf({ ...row }, ownersOf(kind, row)));
  const seen = rows.map((row) => nodes.get(mirrorKeyText(mirrorKeyOf(row))));
  const checksums = {
    postgres: checksum(expected),
    graph: checksum(seen.map((line = '') => line)),
  };
  if (checksums.postgres === checksums.graph) return { checksums, missing: [], stale: [] };
  return {
    checksums,
    missing: rows.filter((_, i) => seen[i] === undefined),
    stale: rows.filter((_, i) => seen[i] !== undefined && seen[i] !== expected[i]),
  };
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

async function clearKeyless({ graph, repair }: VerifyDeps): Promise<number> {
  const keyless = await graph.countKeyless();
  if (repair && keyless > 0) await graph.removeKeyless();
  return keyless;
}
