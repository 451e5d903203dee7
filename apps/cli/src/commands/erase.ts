import { isUuid } from '@contour/contract';
import { createGraph } from '@contour/graph';
import {
  type EraseDeps,
  type EraseProof,
  eraseClient,
  eraseGraph,
  eraseTables,
  lookForClient,
} from '@contour/operations';
import { createDlqIndex } from '@contour/queue/dlq';
import { createEraser } from '@contour/queue/erase';
import { neo4jOf, readEnv } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import { findPerson, hasMirror, tenantFingerprints } from '@contour/store/erase';
import { type AddCommand, UsageError } from '../cli.ts';
import { type EverywhereEnv, everywhereEnv } from '../env.ts';
import { pickTenant } from '../options.ts';
import { createProgressBar } from '../progress-bar.ts';
import { withDatabase, withRedis } from '../servers.ts';
import { tableOf } from '../text.ts';

interface EraseOptions {
  tenant: string;
  client: string;
  yes?: boolean;
}

/** Some searches have no index, and no other work waits for them. */
const PATIENCE = { statementTimeoutMs: 600_000 };

/** Opens the places to search, does the work there, and closes them. */
async function inPlaces(
  env: EverywhereEnv,
  pool: Database,
  { tenant, client, yes }: EraseOptions,
  onStep: EraseDeps['onStep'],
): Promise<EraseProof> {
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
  const found = { tables: eraseTables(pool), graph: graph && eraseGraph(pool, graph), recognition };
  const work = yes ? eraseClient : lookForClient;
  try {
    return await withRedis(env.REDIS_URL, createEraser, (eraser) =>
      withRedis(env.REDIS_URL, createDlqIndex, (index) =>
        work({ ...found, eraser, index, onStep }),
      ),
    );
  } finally {
    await graph?.close();
  }
}

/** How many ids are printed. --json has them all. */
const SHOWN_IDS = 20;

const REMAINS = {
  rewritten: 'Redis has rewritten its append-only file.',
  off: 'Redis keeps no append-only file; a snapshot (dump.rdb) may still hold the data.',
  refused: "Redis's append-only file holds the data until BGREWRITEAOF, which was refused here.",
  'not yet': "Redis's append-only file holds the data until the started rewrite has ended.",
};

function linesOfUnclear({ unclear }: EraseProof): string[] {
  return unclear.flatMap(({ place, count, ids, todo }) => {
    const more = count > SHOWN_IDS ? `, and ${count - SHOWN_IDS} more` : '';
    const listed = `${ids.slice(0, SHOWN_IDS).join(', ')}${more}`;
    return [`${place}: the owner of ${count} is unclear, and they stay: ${listed}`, `  ${todo}.`];
  });
}

/** What was found, and after an erasure what was removed and what is left. */
function linesOf(proof: EraseProof): string[] {
  const { person, places, aof } = proof;
  const { isKnown, identities, phone } = person;
  const known = identities.length > 0 ? 'what an earlier run has noted' : 'only its id';
  const heading = (['place', 'found', 'removed', 'left'] as const).slice(0, aof === null ? 2 : 4);
  const rows = places.map((place) => heading.map((name) => String(place[name])));
  const by = `by client id, ${identities.length} chats${phone === null ? '' : ' and the phone'}`;
  const isLeft = places.some(({ left }) => left > 0);
  return [
    ...(isKnown ? [] : [`Postgres does not have this client. It was searched by ${known}.`]),
    ...tableOf(heading, rows),
    ...linesOfUnclear(proof),
    ...(aof === null
      ? ['Nothing was removed. Run again with --yes to erase it.']
      : [
          `Searched again ${by}: ${isLeft ? 'something is left, run it again' : 'nothing is left'}.`,
          REMAINS[aof],
          'What remains: backups, WAL archives, what Core was sent, and ids in logs.',
          'A later message from these chats makes a new client.',
        ]),
  ];
}

export const add: AddCommand = (program, cli) => {
  program
    .command('erase')
    .description(
      'remove one person from Postgres, Redis and the graph, and show that nothing is left; ' +
        'without --yes it only searches. Ends with 1 if something is left',
    )
    .requiredOption('--tenant <tenant>', 'the tenant, by its id or name')
    .requiredOption('--client <id>', 'the client, by id')
    .option('--yes', 'remove what is found')
    .addHelpText('after', '\nExample:\n  contour erase --tenant acme --client 0193c0de-… --yes')
    .action(async (options: EraseOptions) => {
      const env = readEnv(everywhereEnv, cli.env);
      // Only on a terminal: a log has the proof.
      const bar = cli.screen.isTTY ? createProgressBar(cli.screen) : undefined;
      const onStep = (done: number, steps: number) => bar?.show('Erasing', done, steps);
      const work = (pool: Database) => inPlaces(env, pool, options, onStep);
      const proof = await withDatabase(env.DATABASE_URL, work, PATIENCE).finally(bar?.end);
      const { person, places, unclear, aof } = proof;
      const result = { tenant: person.tenantId, client: person.clientId, known: person.isKnown };
      cli.report({ ...result, places, unclear, aof }, () => linesOf(proof));
      const isLeft = unclear.length > 0 || places.some(({ left }) => left > 0);
      if (options.yes && isLeft) cli.endWithOne();
    });
};
