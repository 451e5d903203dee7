import type { Contour } from '../../support/contour.ts';
import { terminateBackends } from '../../support/outside-pool.ts';
import { withRedis } from '../../support/redis-client.ts';
import type { TestServer } from '../../support/servers.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { Card } from './deal.ts';

/** Faults of the day's own server. */
function outageCards(name: string, server: TestServer, most: number): Card[] {
  return [
    {
      name: `kill -9 of ${name}`,
      async play() {
        await server.kill();
        await server.start();
        return 'started again';
      },
    },
    {
      name: `${name} stopped`,
      async play({ lasting }) {
        await server.stop();
        await lasting(1_000, most);
        await server.start();
        return 'started again';
      },
    },
  ];
}

const freezeCard = (name: string, server: TestServer, most: number): Card => ({
  name: `SIGSTOP of ${name}`,
  async play({ lasting }) {
    server.freeze();
    await lasting(1_000, most);
    server.thaw();
    return 'stood still';
  },
});

const killClients = ({ redis }: Contour): Card => ({
  name: 'CLIENT KILL of all, again and again',
  async play({ dice, lasting }) {
    const times = dice.between(3, 12);
    for (let i = 0; i < times; i += 1) {
      await withRedis(redis.url, async (ask) => {
        for (const type of ['normal', 'pubsub']) await ask('CLIENT', 'KILL', 'TYPE', type);
      });
      await lasting(100, 500);
    }
    return `${times} times`;
  },
});

const cutBackends = ({ database }: Contour): Card => ({
  name: 'Postgres backends terminated, again and again',
  async play({ dice, lasting }) {
    const times = dice.between(3, 12);
    let count = 0;
    for (let i = 0; i < times; i += 1) {
      count += await terminateBackends(database.pool);
      await lasting(100, 500);
    }
    return `${count} backends`;
  },
});

/** By another session, for instance a migration. */
const lockTable = ({ database }: Contour): Card => ({
  name: 'a table locked by another session',
  async play({ dice, lasting }) {
    const table = dice.pick(['messages', 'dialogs', 'lanes', 'clients']);
    const client = await database.pool.connect();
    client.on('error', () => undefined);
    try {
      await client.query('begin');
      await client.query('set local idle_in_transaction_session_timeout = 0');
      await client.query(`lock table ${table} in access exclusive mode`);
      await lasting(500, 4_000);
      await client.query('commit');
    } finally {
      client.release(true);
    }
    return table;
  },
});

/** Faults of the servers. `neo4j` if it is the day's own. */
export function serverCards(contour: Contour, neo4j: TestServer | undefined): Card[] {
  const { redis, postgres, database } = contour;
  const cards = [killClients(contour), cutBackends(contour), lockTable(contour)];
  cards.push(...outageCards('Redis', redis, 15_000), freezeCard('Redis', redis, 5_000));
  if (postgres !== undefined) cards.push(...outageCards('Postgres', postgres, 15_000));
  if (neo4j !== undefined) {
    cards.push(...outageCards('Neo4j', neo4j, 10_000), freezeCard('Neo4j', neo4j, 10_000));
  }
  // The connections of this program are lost, too.
  const answers = () => database.pool.query('select 1').then(() => true);
  return cards.map((card) => ({
    ...card,
    async play(hand) {
      const done = await card.play(hand);
      await waitFor('Postgres', answers);
      return done;
    },
  }));
}
