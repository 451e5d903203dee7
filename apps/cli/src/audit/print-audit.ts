import { grouped } from '../grouped.ts';
import { printable } from '../printable.ts';
import { paint, tableOf } from '../table.ts';
import type { AuditFinding } from './audit-finding.ts';
import type { Audit } from './run-audit.ts';

const COLOURS = { ok: 'green', violated: 'red', warning: 'yellow', skipped: 'dim' } as const;

function foundOf({ state, looked, violations, note }: AuditFinding): string {
  if (state === 'skipped') return note ?? '';
  return violations === 0 ? grouped(looked) : `${grouped(violations)} of ${grouped(looked)}`;
}

function exampleLines({ violations, examples }: AuditFinding): string[] {
  const more = violations - examples.length;
  return [...examples, ...(more > 0 ? [`… and ${grouped(more)} more`] : [])].map(
    (line) => `    ${printable(line)}`,
  );
}

/** One line for each check, its examples below it. */
export function auditLines({ tenants, counts, unmirrored, findings }: Audit): string[] {
  const rows = findings.map((finding) => [
    paint(COLOURS[finding.state], finding.state),
    finding.check,
    finding.promise,
    foundOf(finding),
  ]);
  const [heading = '', ...lines] = tableOf(['', 'check', 'promise', 'found'], rows);
  const { clients, identities, dialogs } = unmirrored;
  return [
    heading,
    ...findings.flatMap((finding, index) => [lines[index] ?? '', ...exampleLines(finding)]),
    '',
    `${grouped(tenants)} tenants, ${grouped(counts.clients)} clients, ${grouped(counts.dialogs)} ` +
      `dialogs, ${grouped(counts.messages)} messages: ${grouped(counts.delivered)} delivered, ` +
      `${grouped(counts.dead)} dead, ${grouped(counts.pending)} pending`,
    `On their way into the graph: ${grouped(clients)} clients, ${grouped(identities)} identities, ` +
      `${grouped(dialogs)} dialogs.`,
  ];
}
