import { createHash } from 'node:crypto';
import {
  type MirrorKind,
  type MirrorRow,
  type MirrorRows,
  mirrorKeyOf,
  mirrorKeyText,
} from '@contour/contract';
import type { Found } from './create-graph.ts';

type Owners = (string | null)[][];

/** The fields that the graph shows of a row, and the nodes that its node belongs to. */
function lineOf(row: Partial<Record<string, unknown>>, owners: Owners): string {
  const { name = null, phone = null, channel = null, status = null } = row;
  const key = mirrorKeyText(mirrorKeyOf(row as unknown as MirrorRow));
  return JSON.stringify([key, name, phone, channel, status, owners]);
}

const ownersOf = (kind: MirrorKind, row: MirrorRow): Owners =>
  kind === 'clients' ? [[row.tenant_id]] : [[row.tenant_id, row.client_id]];

export const checksum = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);

interface ComparedRows<Row extends MirrorRow> {
  checksums: { postgres: string; graph: string };
  missing: Row[];
  stale: Row[];
}

/** Compares a page of rows with their nodes, row by row only if the checksums differ. */
export function compareRows<Kind extends MirrorKind, Row extends MirrorRows[Kind]>(
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
