import { printable } from '../printable.ts';
import type { GraphFinding, KindFinding } from './compare-graph.ts';
import type { Verified } from './verify-graph.ts';

const SHOWN = 20;

const SINGULAR = {
  tenants: 'tenant',
  clients: 'client',
  identities: 'identity',
  dialogs: 'dialog',
} as const;

function kindLine(found: KindFinding): string {
  const { kind, in_postgres, in_graph, waiting, missing, different, extra, checksums } = found;
  const sums = checksums === null ? '' : `, checksum ${checksums.postgres} and ${checksums.graph}`;
  return (
    `  ${kind.padEnd(11)}${in_postgres} in Postgres, ${in_graph} in the graph, ${waiting} on their ` +
    `way, ${missing + different + extra} wrong${sums}`
  );
}

function exampleLine({ problem, kind, tenant_id, channel, id }: GraphFinding['examples'][number]) {
  const what = printable([channel, id].filter((part) => part !== null).join(' '));
  return `  ${problem.padEnd(10)}${SINGULAR[kind].padEnd(9)} ${what} of tenant ${tenant_id}`;
}

function differences({ wrong, keyless, examples }: Verified): string[] {
  const more = wrong - keyless - examples.length;
  return [
    ...examples.map(exampleLine),
    ...(more > 0 ? [`  … and ${more} more`] : []),
    ...(keyless > 0 ? [`  ${keyless} nodes without their whole key`] : []),
  ];
}

function conclusion({ wrong, waiting, repaired, refused }: Verified): string[] {
  if (refused.length > 0) {
    return [
      `Neo4j refuses ${refused.length}:`,
      ...refused
        .slice(0, SHOWN)
        .map(({ kind, tenant_id, id, reason }) =>
          printable(`  ${kind} ${id.slice(0, 64)} of ${tenant_id}: ${reason}`),
        ),
    ];
  }
  if (repaired > 0) return [`Mended ${repaired}. Run graph verify once more to be sure.`];
  if (wrong > 0) return [`${wrong} differences. Run again with --repair to mend them.`];
  if (waiting > 0) return [`Nothing is wrong; ${waiting} are still on their way.`];
  return ['The graph shows what Postgres holds.'];
}

/** What differs, by kind and by example, and what came of it. */
export const linesOfVerified = (verified: Verified): string[] => [
  ...verified.kinds.map(kindLine),
  ...differences(verified),
  ...conclusion(verified),
];
