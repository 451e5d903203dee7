import { isUuid, type PhoneRegion } from '@contour/contract';
import { createGraph } from '@contour/graph';
import { createDlq, createEraser } from '@contour/queue';
import { readEnv } from '@contour/runtime';
import { findPerson, hasMirror, type Pool, tenantFingerprints } from '@contour/store';
import { type AddCommand, type Cli, endWithOne, UsageError } from '../cli.ts';
import { type EverywhereEnv, everywhereEnv } from '../env.ts';
import { type EraseDeps, eraseClient, lookForClient, type Proof } from '../erase/erase-client.ts';
import { pickTenant } from '../pick-tenant.ts';
import { tableOf } from '../table.ts';
import { withDatabase } from '../with-database.ts';
import { withRedis } from '../with-redis.ts';

interface EraseOptions {
  tenant: string;
  client: string;
  yes?: boolean;
}

/** No index leads to all of what is looked for, and nobody waits behind it. */
const STATEMENT_TIMEOUT_MS = 600_000;

const REMAINS = {
  rewritten: 'Redis has written its append-only file anew.',
  off: 'Redis keeps no append-only file; a snapshot of it (dump.rdb) may be older.',
  refused: "Redis's append-only file holds it until BGREWRITEAOF, which was refused here.",
  'not yet': "Redis's append-only file holds it until the rewrite that has begun has ended.",
};

/** Opens what is looked into, and closes it. */
async function withPlaces<T>(
  env: EverywhereEnv,
  pool: Pool,
  { tenant, client }: EraseOptions,
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
    region: env.DEFAULT_PHONE_REGION as PhoneRegion,
  };
  const graph =
    env.NEO4J_URI === undefined
      ? undefined
      : createGraph({ uri: env.NEO4J_URI, user: env.NEO4J_USER, password: env.NEO4J_PASSWORD });
  try {
    return await withRedis(env.REDIS_URL, createEraser, (eraser) =>
      withRedis(
        env.REDIS_URL,
        (redis) => createDlq({ ...redis, maxParkedPerAccount: 0 }),
        (dlq) => work({ pool, graph, recognition, eraser, dlq }),
      ),
    );
  } finally {
    await graph?.close();
  }
}

const isAny = ({ places, unclear }: Proof) =>
  unclear.length > 0 || places.some(({ left }) => left > 0);

function printProof({ say }: Cli, { person, places, unclear, aof }: Proof, isDone: boolean): void {
  if (!person.isKnown) {
    say('Postgres has no such client, or has it no longer: it was looked for by its id alone.');
  }
  const rows = places.map(({ place, found, removed, left }) => [place, found, removed, left]);
  const heading = ['place', 'found', 'removed', 'left'];
  const shown = isDone ? 4 : 2;
  const cells = rows.map((row) => row.slice(0, shown).map(String));
  for (const line of tableOf(heading.slice(0, shown), cells)) say(line);
  if (unclear.length > 0) {
    say(`Nothing says whose these dead letters are, look at them: ${unclear.join(', ')}`);
  }
  if (aof === null) {
    say('Nothing was removed. Run again with --yes to erase it.');
    return;
  }
  const { identities, phone } = person;
  const by = `by client id, ${identities.length} chats${phone === null ? '' : ' and the phone'}`;
  const isLeft = places.some(({ left }) => left > 0);
  say(`Searched again ${by}: ${isLeft ? 'not all is gone, run it again' : 'nothing is left'}.`);
  say(REMAINS[aof]);
  say('What remains: backups, WAL archives, what Core was sent, and ids in logs.');
  say('A message that comes from these chats later makes a new client.');
}

export const addErase: AddCommand = (program, cli) => {
  program
    .command('erase')
    .summary('remove one person everywhere, and show the proof')
    .description(
      'remove one person from Postgres, Redis and the graph, and show that nothing is left; ' +
        'without --yes only look. Ends with 1 where something is left',
    )
    .requiredOption('--tenant <id>', 'the tenant, by id or name')
    .requiredOption('--client <id>', 'the client, by id')
    .option('--yes', 'remove what is found')
    .addHelpText('after', '\nExample:\n  contour erase --tenant acme --client 0193c0de-… --yes')
    .action(async (options: EraseOptions) => {
      const env = readEnv(everywhereEnv, cli.env);
      const isDone = options.yes === true;
      const proof = await withDatabase(
        env.DATABASE_URL,
        (pool) => withPlaces(env, pool, options, isDone ? eraseClient : lookForClient),
        { statementTimeoutMs: STATEMENT_TIMEOUT_MS },
      );
      const { person, places, unclear, aof } = proof;
      const result = { tenant: person.tenantId, client: person.clientId, known: person.isKnown };
      cli.report({ ...result, places, unclear, aof }, () => printProof(cli, proof, isDone));
      if (isDone && isAny(proof)) endWithOne();
    });
};
