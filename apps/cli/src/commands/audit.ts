import { createGraph } from '@contour/graph';
import { type Audit, type AuditFinding, auditSources, runAudit } from '@contour/operations';
import { openQueueAudit, type QueueAudit } from '@contour/queue/inspect';
import { neo4jOf, readEnv } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import { createMirrorSource } from '@contour/store/graph';
import { pendingMigrations } from '@contour/store/migrations';
import { listTenants } from '@contour/store/tenants';
import type { AddCommand, Cli } from '../cli.ts';
import { auditEnv } from '../env.ts';
import { pickTenant, TENANT_OPTION } from '../options.ts';
import { createProgressBar } from '../progress-bar.ts';
import { withDatabase, withRedis } from '../servers.ts';
import { grouped, paint, printable, tableOf } from '../text.ts';

const ABOUT =
  'check the promises of docs/guarantees.md against DATABASE_URL and, where they are set, REDIS_URL ' +
  'and NEO4J_URI; reads only, may run while messages flow, ends with 1 if a promise is broken';

/** One statement reads all rows of a tenant in a table, which may be many. */
const STATEMENT_MS = 6 * 60 * 60 * 1000;

async function refuseOldSchema(pool: Database): Promise<void> {
  const [first] = await pendingMigrations(pool);
  if (first !== undefined) throw new Error(`${first} is not applied: run contour migrate first`);
}

async function audit(cli: Cli, tenant: string | undefined): Promise<Audit> {
  const env = readEnv(auditEnv, cli.env);
  const neo4j = neo4jOf(env);
  const bar = createProgressBar(cli.screen);
  const onProgress = (done: number, total: number) => bar.show('Auditing', done, total);
  const work = (queue: QueueAudit | undefined) => async (pool: Database) => {
    await refuseOldSchema(pool);
    const graph = neo4j && createGraph(neo4j);
    const mirror = graph && { graph, source: createMirrorSource(pool) };
    const deps = { tables: auditSources(pool), queue, mirror, onProgress };
    const tenants = tenant === undefined ? listTenants(pool) : [await pickTenant(pool, tenant)];
    const order = {
      tenantIds: (await tenants).map(({ id }) => id),
      isWhole: tenant === undefined,
      streamShards: env.STREAM_SHARDS,
      retentionDays: env.RETENTION_DAYS,
    };
    try {
      return await runAudit(deps, order);
    } finally {
      await graph?.close();
    }
  };
  const limits = { statementTimeoutMs: STATEMENT_MS };
  const inPostgres = (queue?: QueueAudit) => withDatabase(env.DATABASE_URL, work(queue), limits);
  const found =
    env.REDIS_URL === undefined
      ? inPostgres()
      : withRedis(env.REDIS_URL, openQueueAudit, inPostgres);
  return found.finally(bar.end);
}

const COLOURS = { ok: 'green', violated: 'red', warning: 'yellow', skipped: 'dim' } as const;

function foundOf({ state, looked, violations, note }: AuditFinding): string {
  if (state === 'skipped') return note ?? '';
  return violations === 0 ? grouped(looked) : `${grouped(violations)} of ${grouped(looked)}`;
}

function exampleLines({ violations, examples }: AuditFinding): string[] {
  const more = violations - examples.length;
  const lines = more > 0 ? [...examples, `… and ${grouped(more)} more`] : examples;
  return lines.map((line) => `    ${printable(line)}`);
}

/** One line for each check, with its examples below. */
function linesOf({ ok, violations, tenants, counts, unmirrored, findings }: Audit): string[] {
  const rows = findings.map((finding) => [
    paint(COLOURS[finding.state], finding.state),
    finding.check,
    finding.promise,
    foundOf(finding),
  ]);
  const [heading = '', ...lines] = tableOf(['', 'check', 'promise', 'found'], rows);
  const { clients, identities, dialogs } = unmirrored;
  const broken = findings.filter(({ state }) => state === 'violated').length;
  return [
    heading,
    ...findings.flatMap((finding, index) => [lines[index] ?? '', ...exampleLines(finding)]),
    '',
    `${grouped(tenants)} tenants, ${grouped(counts.clients)} clients, ${grouped(counts.dialogs)} ` +
      `dialogs, ${grouped(counts.messages)} messages: ${grouped(counts.delivered)} delivered, ` +
      `${grouped(counts.dead)} dead, ${grouped(counts.pending)} pending`,
    `On their way into the graph: ${grouped(clients)} clients, ${grouped(identities)} identities, ` +
      `${grouped(dialogs)} dialogs.`,
    ok ? 'Nothing is broken.' : `${violations} violations of ${broken} promises.`,
  ];
}

export const add: AddCommand = (program, cli) => {
  program
    .command('audit')
    .description(ABOUT)
    .option(...TENANT_OPTION)
    .addHelpText('after', '\nExample:\n  contour audit --json | jq .violations')
    .action(async ({ tenant }: { tenant?: string }) => {
      const found = await audit(cli, tenant);
      cli.report(found, () => linesOf(found));
      if (!found.ok) cli.endWithOne();
    });
};
