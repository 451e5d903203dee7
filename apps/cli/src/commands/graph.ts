import { createGraph } from '@contour/graph';
import {
  type GraphFinding,
  type KindFinding,
  type Verified,
  verifyGraph,
} from '@contour/operations';
import { neo4jOf, readEnv } from '@contour/runtime';
import { createMirrorSource } from '@contour/store/graph';
import type { AddCommand, Cli } from '../cli.ts';
import { graphEnv } from '../env.ts';
import { pickTenant, TENANT_OPTION } from '../options.ts';
import { createProgressBar } from '../progress-bar.ts';
import { withDatabase } from '../servers.ts';
import { printable } from '../text.ts';

const REPAIR =
  'mend every difference and wait until it is done; removes every client, ' +
  'identity and dialog from the graph that DATABASE_URL does not have';

const [TENANT, ONLY_THIS] = TENANT_OPTION;

interface VerifyOptions {
  repair?: boolean;
  tenant?: string[];
}

const gathered = (value: string, before: string[] = []) => [...before, value];

async function verify(cli: Cli, { repair = false, tenant = [] }: VerifyOptions): Promise<Verified> {
  const env = readEnv(graphEnv, cli.env);
  return withDatabase(env.DATABASE_URL, async (pool) => {
    const tenantIds = new Set<string>();
    for (const idOrName of tenant) tenantIds.add((await pickTenant(pool, idOrName)).id);
    const order = { repair, tenantIds: [...tenantIds] };
    const graph = createGraph(neo4jOf(env));
    const bar = createProgressBar(cli.screen);
    try {
      return await verifyGraph({ graph, source: createMirrorSource(pool) }, order, {
        comparing: (done, total) => bar.show('Comparing', done, total),
        mending: (done, total) => bar.show('Mending', done, total),
      });
    } finally {
      bar.end();
      await graph.close();
    }
  });
}

const SHOWN = 20;

const NOUNS = { tenants: 'tenant', clients: 'client', identities: 'identity', dialogs: 'dialog' };

function kindLine({ kind, in_postgres, in_graph, waiting, checksums, ...found }: KindFinding) {
  const wrong = found.missing + found.different + found.extra;
  const sums = checksums === null ? '' : `, checksum ${checksums.postgres} and ${checksums.graph}`;
  return (
    `  ${kind.padEnd(11)}${in_postgres} in Postgres, ${in_graph} in the graph, ${waiting} on their ` +
    `way, ${wrong} wrong${sums}`
  );
}

function exampleLine({ problem, kind, tenant_id, channel, id }: GraphFinding['examples'][number]) {
  const what = printable([channel, id].filter((part) => part !== null).join(' '));
  return `  ${problem.padEnd(10)}${NOUNS[kind].padEnd(9)} ${what} of tenant ${tenant_id}`;
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
    const rows = refused.slice(0, SHOWN).map(({ kind, tenant_id, id, reason }) => {
      return printable(`  ${kind} ${id.slice(0, 64)} of ${tenant_id}: ${reason}`);
    });
    return [`Neo4j refuses ${refused.length}:`, ...rows];
  }
  if (repaired > 0) return [`Mended ${repaired}. Run graph verify once more to be sure.`];
  if (wrong > 0) return [`${wrong} differences. Run again with --repair to mend them.`];
  if (waiting > 0) return [`Nothing is wrong; ${waiting} are still on their way.`];
  return ['The graph shows what Postgres holds.'];
}

export const add: AddCommand = (program, cli) => {
  const graph = program
    .command('graph')
    .description('the mirror in NEO4J_URI')
    .addHelpText('after', '\nExample:\n  contour graph verify');
  graph
    .command('verify')
    .description('compare the graph with DATABASE_URL, tenant by tenant; ends with 1 if it differs')
    .option('--repair', REPAIR)
    .option(TENANT, `${ONLY_THIS}; may be given several times`, gathered)
    .addHelpText('after', '\nExample:\n  contour graph verify --repair')
    .action(async (options: VerifyOptions) => {
      const verified = await verify(cli, options);
      cli.report(verified, () => [
        ...verified.kinds.map(kindLine),
        ...differences(verified),
        ...conclusion(verified),
      ]);
      if (!verified.equal) cli.endWithOne();
    });
};
