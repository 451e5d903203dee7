import { setTimeout as delay } from 'node:timers/promises';
import { type MirrorKind, type MirrorRows, mirrorKeyOf } from '@contour/contract';
import { checksum, compareRows } from './compare-rows.ts';
import { findExtra } from './find-extra.ts';
import type { Comparison, VerifyDeps } from './verify-deps.ts';

const PAGE = 1_000;
const MAX_TRIES = 10;
const PAUSE_MS = 100;

/** Those that count as mirrored, and did already before the graph was looked at. */
async function wrongOf<Kind extends MirrorKind>(
  { source }: VerifyDeps,
  kind: Kind,
  rows: ReadonlyArray<MirrorRows[Kind] & { is_marked: boolean }>,
): Promise<MirrorRows[Kind][]> {
  const marked = rows.filter((row) => row.is_marked);
  return marked.length === 0 ? [] : source.stillMarked(kind, marked);
}

/** A row that somebody is changing at this moment is passed over: it is free a moment later. */
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

/** Compares page by page, so that a million rows need no more room than a thousand. */
export async function compareKind<Kind extends MirrorKind>(
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
  // A key is there once: more nodes than rows that found theirs are nodes without a row.
  if (inGraph > matched) differences += await findExtra(deps, tenantId, kind);
  const checksums = { postgres: checksum(sums.postgres), graph: checksum(sums.graph) };
  return { tenantId, kind, inPostgres, inGraph, waiting, differences, checksums };
}
