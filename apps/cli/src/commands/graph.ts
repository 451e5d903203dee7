import { readEnv } from '@contour/runtime';
import { type AddCommand, endWithOne } from '../cli.ts';
import { graphEnv } from '../env.ts';
import { verifyGraph } from '../graph/verify-graph.ts';
import { withDatabase } from '../with-database.ts';

const REPAIR =
  'mend every difference and wait until it is done; removes every client, ' +
  'identity and dialog from the graph that DATABASE_URL does not have';

const gathered = (value: string, before: string[] = []) => [...before, value];

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
    .option('--tenant <id>', 'only this tenant; may be given several times', gathered)
    .addHelpText('after', '\nExample:\n  contour graph verify --repair')
    .action(async ({ repair = false, tenant = [] }: { repair?: boolean; tenant?: string[] }) => {
      const env = readEnv(graphEnv, cli.env);
      const neo4j = { uri: env.NEO4J_URI, user: env.NEO4J_USER, password: env.NEO4J_PASSWORD };
      const lines: string[] = [];
      const say = (line: string) => void (cli.isJson() ? lines.push(line) : cli.say(line));
      const isEqual = await withDatabase(env.DATABASE_URL, (pool) =>
        verifyGraph(pool, neo4j, { repair, tenants: tenant }, { say, screen: cli.screen }),
      );
      if (cli.isJson()) cli.report({ equal: isEqual, lines }, () => {});
      if (!isEqual) endWithOne();
    });
};
