import { isUuid } from '@contour/contract';
import { createGraph } from '@contour/graph';
import { createDlqIndex, createEraser } from '@contour/queue';
import { neo4jOf, readEnv } from '@contour/runtime';
import { findPerson, hasMirror, type Pool, tenantFingerprints } from '@contour/store';
import { type AddCommand, UsageError } from '../cli.ts';
import { type EverywhereEnv, everywhereEnv } from '../env.ts';
import { type EraseDeps, eraseClient, lookForClient, type Proof } from '../erase/erase-client.ts';
import { printProof } from '../erase/print-proof.ts';
import { pickTenant } from '../pick-tenant.ts';
import { createProgressBar } from '../progress-bar.ts';
import { withDatabase } from '../with-database.ts';
import { withRedis } from '../with-redis.ts';

interface EraseOptions {
  tenant: string;
  client: string;
  yes?: boolean;
}

/** No index leads to all of what is looked for, and nobody waits behind it. */
const STATEMENT_TIMEOUT_MS = 600_000;

/** Opens what is looked into, and closes it. */
async function withPlaces<T>(
  env: EverywhereEnv,
  pool: Pool,
  { tenant, client }: EraseOptions,
  onStep: EraseDeps['onStep'],
  work: (deps: EraseDeps) => Promise<T>,
): Promise<T> {
  if (!isUuid(client)) throw new UsageError('--client must be a UUID');
  const { id: tenantId } = await pickTenant(pool, tenant);
  if (env.NEO4J_URI === undefined && (await hasMirror(pool))) {
    throw new UsageError('this installation has a graph: set NEO4J_URI to erase there, too');
  }
  const recognition = {
    person: await findPerson(pool, { tenantId, clientId: client.toLowerCase() }),
    accounts: await tenantFingerprints(pool, tenantId),
    region: env.DEFAULT_PHONE_REGION,
  };
  const neo4j = neo4jOf(env);
  const graph = neo4j && createGraph(neo4j);
  try {
    return await withRedis(env.REDIS_URL, createEraser, (eraser) =>
      withRedis(env.REDIS_URL, createDlqIndex, (index) =>
        work({ pool, graph, recognition, eraser, index, onStep }),
      ),
    );
  } finally {
    await graph?.close();
  }
}

const isAny = ({ places, unclear }: Proof) =>
  unclear.length > 0 || places.some(({ left }) => left > 0);

export const addErase: AddCommand = (program, cli) => {
  program
    .command('erase')
    .description(
      'remove one person from Postgres, Redis and the graph, and show that nothing is left; ' +
        'without --yes only look. Ends with 1 where something is left',
    )
    .requiredOption('--tenant <tenant>', 'the tenant, by its id or name')
    .requiredOption('--client <id>', 'the client, by id')
    .option('--yes', 'remove what is found')
    .addHelpText('after', '\nExample:\n  contour erase --tenant acme --client 0193c0de-… --yes')
    .action(async (options: EraseOptions) => {
      const env = readEnv(everywhereEnv, cli.env);
      const isDone = options.yes === true;
      const work = isDone ? eraseClient : lookForClient;
      // For who waits before a screen: a log has the proof.
      const bar = cli.screen.isTTY ? createProgressBar('Erasing', cli.screen) : undefined;
      const onStep = (done: number, steps: number) => bar?.show(done, steps);
      const proof = await withDatabase(
        env.DATABASE_URL,
        (pool) => withPlaces(env, pool, options, onStep, work),
        { statementTimeoutMs: STATEMENT_TIMEOUT_MS },
      ).finally(() => bar?.end());
      const { person, places, unclear, aof } = proof;
      const result = { tenant: person.tenantId, client: person.clientId, known: person.isKnown };
      cli.report({ ...result, places, unclear, aof }, () => printProof(cli.say, proof, isDone));
      if (isDone && isAny(proof)) cli.endWithOne();
    });
};
