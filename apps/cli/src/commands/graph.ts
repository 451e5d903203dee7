import { neo4jOf, readEnv } from '@contour/runtime';
import type { Pool } from '@contour/store';
import type { AddCommand } from '../cli.ts';
import { graphEnv } from '../env.ts';
import { linesOfVerified } from '../graph/print-verification.ts';
import { verifyGraph } from '../graph/verify-graph.ts';
import { pickTenant } from '../pick-tenant.ts';
import { TENANT_OPTION } from '../tenant-option.ts';
import { withDatabase } from '../with-database.ts';

const REPAIR =
  'mend every difference and wait until it is done; removes every client, ' +
  'identity and dialog from the graph that DATABASE_URL does not have';

const [TENANT, ONLY_THIS] = TENANT_OPTION;

const gathered = (value: string, before: string[] = []) => [...before, value];

async function tenantIdsOf(pool: Pool, called: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const idOrName of called) ids.push((await pickTenant(pool, idOrName)).id);
  return [...new Set(ids)];
}

export const addGraph: AddCommand = (program, cli) => {
  const graph = program
    .command('graph')
    .description('the mirror in NEO4J_URI')
    .addHelpText('after', '\nExample:\n  contour graph verify');
  graph
    .command('verify')
    .description(
      'compare the graph with DATABASE_URL, tenant by tenant; ends with 1 where it differs',
    )
    .option('--repair', REPAIR)
    .option(TENANT, `${ONLY_THIS}; may be given several times`, gathered)
    .addHelpText('after', '\nExample:\n  contour graph verify --repair')
    .action(async ({ repair = false, tenant = [] }: { repair?: boolean; tenant?: string[] }) => {
      const env = readEnv(graphEnv, cli.env);
      const neo4j = neo4jOf(env);
      const verified = await withDatabase(env.DATABASE_URL, async (pool) => {
        const order = { repair, tenantIds: await tenantIdsOf(pool, tenant) };
        return verifyGraph(pool, neo4j, order, cli.screen);
      });
      cli.report(verified, () => linesOfVerified(verified).forEach(cli.say));
      if (!verified.equal) cli.endWithOne();
    });
};
