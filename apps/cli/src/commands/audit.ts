import { neo4jOf, readEnv } from '@contour/runtime';
import { listTenants, type Pool, pendingMigrations } from '@contour/store';
import { auditLines } from '../audit/print-audit.ts';
import { runAudit } from '../audit/run-audit.ts';
import type { AddCommand } from '../cli.ts';
import { auditEnv } from '../env.ts';
import { pickTenant } from '../pick-tenant.ts';
import { createProgressBar } from '../progress-bar.ts';
import { TENANT_OPTION } from '../tenant-option.ts';
import { withDatabase } from '../with-database.ts';

const ABOUT =
  'hold the promises of docs/guarantees.md against DATABASE_URL and, where they are set, REDIS_URL ' +
  'and NEO4J_URI; reads only, may run while messages flow, ends with 1 where a promise is broken';

/** A tenant's whole table is one statement, and may be large. */
const STATEMENT_MS = 6 * 60 * 60 * 1000;

async function tenantIdsOf(pool: Pool, tenant: string | undefined): Promise<string[]> {
  if (tenant !== undefined) return [(await pickTenant(pool, tenant)).id];
  return (await listTenants(pool)).map(({ id }) => id);
}

async function refuseOldSchema(pool: Pool): Promise<void> {
  const [first] = await pendingMigrations(pool);
  if (first !== undefined) throw new Error(`${first} is not applied: run contour migrate first`);
}

export const addAudit: AddCommand = (program, cli) => {
  program
    .command('audit')
    .description(ABOUT)
    .option(...TENANT_OPTION)
    .addHelpText('after', '\nExample:\n  contour audit --json | jq .violations')
    .action(async ({ tenant }: { tenant?: string }) => {
      const env = readEnv(auditEnv, cli.env);
      const bar = createProgressBar('Auditing', cli.screen);
      const work = async (pool: Pool) => {
        await refuseOldSchema(pool);
        return runAudit(pool, {
          tenantIds: await tenantIdsOf(pool, tenant),
          isWhole: tenant === undefined,
          redisUrl: env.REDIS_URL,
          neo4j: neo4jOf(env),
          streamShards: env.STREAM_SHARDS,
          retentionDays: env.RETENTION_DAYS,
          onProgress: bar.show,
        });
      };
      const limits = { statementTimeoutMs: STATEMENT_MS };
      const audit = await withDatabase(env.DATABASE_URL, work, limits).finally(bar.end);
      const broken = audit.findings.filter(({ state }) => state === 'violated');
      const violations = broken.reduce((total, finding) => total + finding.violations, 0);
      cli.report({ ok: broken.length === 0, violations, ...audit }, () => {
        for (const line of auditLines(audit)) cli.say(line);
        cli.say(
          broken.length === 0
            ? 'Nothing is broken.'
            : `${violations} violations of ${broken.length} promises.`,
        );
      });
      if (broken.length > 0) cli.endWithOne();
    });
};
