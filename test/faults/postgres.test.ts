import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { openPool, terminateBackends } from '../support/outside-pool.ts';
import { loseAnswersTo, startProxy, tellCommits } from '../support/proxy.ts';
import { isWholeMatrix } from '../support/seed.ts';
import { get } from '../support/send.ts';
import { startTestPostgres, type TestServer } from '../support/servers.ts';
import { waitFor } from '../support/wait-for.ts';
import { row } from './matrix/row.ts';
import { mountSmallDisk } from './matrix/small-disk.ts';
import {
  FAST,
  graphOfMatrix,
  LONG,
  recover,
  STEADY,
  systemOfMatrix,
  told,
  underLoad,
} from './matrix/under-load.ts';

const BACK_SECONDS = 15;
/** Many at once of few chats, so that transactions wait for each other. */
const CROWDED = { ...FAST, chats: 6, count: 400, ahead: 40 };

describe('Postgres', () => {
  let postgres: TestServer;
  let contour: Contour;
  beforeAll(async () => {
    postgres = await startTestPostgres({ flags: ['-c', 'max_connections=60'] });
    contour = await startContour({
      ...systemOfMatrix(),
      ownPostgres: postgres,
      // Its quick row starts the second one.
      workers: isWholeMatrix() ? 2 : 1,
    });
  });
  afterAll(async () => {
    await contour?.close();
    await postgres?.close();
  });
  beforeEach(async () => {
    await postgres.start();
    contour.core.behave(() => ({ status: 200 }));
  });

  const query = (sql: string) => contour.database.pool.query(sql);

  row(
    'cuts its clients off again and again',
    {
      injected: 'pg_terminate_backend of every connection, each 500 ms, 40 at least',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STEADY);
      let terminated = 0;
      const terminate = async () => {
        terminated += await terminateBackends(contour.database.pool);
        return terminated >= 40;
      };
      await waitFor('forty terminated', terminate, { deadlineMs: 60_000, everyMs: 500 });
      return recover(contour, load);
    },
  );

  row(
    'away for half a minute',
    {
      injected: 'stopped, started 30 s later',
      load: told(LONG),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, LONG);
      await postgres.stop();
      await delay(30_000);
      await postgres.start();
      return recover(contour, load);
    },
  );

  row(
    'crashes in the middle of a commit',
    {
      injected: 'kill -9 of the server when a COMMIT is on its way to it',
      load: told(STEADY),
      quick: true,
      withinSeconds: BACK_SECONDS,
    },
    async (dice) => {
      const proxy = await startProxy(contour.database.url);
      const commits = tellCommits();
      let left = dice.between(1, 8);
      let killed: Promise<void> | undefined;
      proxy.watch({
        fromClient(bytes, link) {
          if (commits(bytes, link) && --left === 0) killed = postgres.kill();
          return true;
        },
      });
      const worker = await contour.startWorker({
        DATABASE_URL: proxy.through(contour.database.url),
      });
      try {
        // It may crash before the load is under way.
        const loading = underLoad(contour, STEADY);
        await waitFor('the crash', () => killed !== undefined, { deadlineMs: 60_000 });
        await killed;
        await postgres.start();
        return await recover(contour, await loading);
      } finally {
        await worker.stop();
        await proxy.close();
      }
    },
  );

  row(
    'takes no writes',
    {
      injected: 'default_transaction_read_only set for 8 s, then reset; no session is ended',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STEADY);
      try {
        await query('alter system set default_transaction_read_only = on');
        await query('select pg_reload_conf()');
        const refused = () => load.trail.some(({ status }) => status === 503);
        await waitFor('a 503', refused, { deadlineMs: 30_000 });
        await delay(8_000);
      } finally {
        await query('alter system reset default_transaction_read_only');
        await query('select pg_reload_conf()');
      }
      return recover(contour, load);
    },
  );

  row(
    'a table locked by another session',
    {
      injected: 'lock table messages in access exclusive mode, for 10 s',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STEADY);
      const client = await contour.database.pool.connect();
      let isCommitted = false;
      try {
        await client.query('begin');
        await client.query('set local idle_in_transaction_session_timeout = 0');
        await client.query('lock table messages in access exclusive mode');
        const until = Date.now() + 10_000;
        while (Date.now() < until) {
          const health = await get(`${contour.url}/health`);
          expect(health.status).toBe(200);
          expect(health.ms).toBeLessThan(3000);
          await delay(1000);
        }
        await client.query('commit');
        isCommitted = true;
      } finally {
        // Its transaction, and the lock, must not return to the pool.
        client.release(!isCommitted);
      }
      return recover(contour, load);
    },
  );

  row(
    'has no connection left',
    {
      injected: 'every slot taken by other sessions, after its own were ended, for 8 s',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STEADY);
      const greedy = openPool(contour.database.url, 60);
      const taken: Array<{ release(): void }> = [];
      const takeAll = async () => {
        await terminateBackends(contour.database.pool);
        for (;;) {
          const client = await greedy.connect().catch(() => undefined);
          if (client === undefined) return;
          taken.push(client);
        }
      };
      try {
        const until = Date.now() + 8_000;
        while (Date.now() < until) await takeAll();
        expect(taken.length).toBeGreaterThan(20);
      } finally {
        for (const client of taken) client.release();
        await greedy.end();
      }
      return recover(contour, load);
    },
  );

  row(
    'deadlocks with another session',
    {
      injected:
        'sessions that lock dialogs and then clients, the other way round, for 8 s; deadlock_timeout = 10 ms',
      load: told(CROWDED),
      withinSeconds: BACK_SECONDS,
    },
    async (dice) => {
      const deadlocks = async () => {
        const { rows } = await contour.database.pool.query<{ deadlocks: number }>(
          'select deadlocks::int from pg_stat_database where datname = current_database()',
        );
        return rows[0]?.deadlocks ?? 0;
      };
      const before = await deadlocks();
      const { pool } = contour.database;
      // Otherwise the worker's lock timeout comes before Postgres looks for a deadlock.
      await pool.query(`alter system set deadlock_timeout = '10ms'`);
      await pool.query('select pg_reload_conf()');
      const load = await underLoad(contour, CROWDED);
      const until = Date.now() + 8_000;
      const getInTheWay = async () => {
        const client = await contour.database.pool.connect();
        try {
          while (Date.now() < until) {
            await client.query('begin');
            try {
              await client.query('select from dialogs order by id desc for update');
              await delay(dice.between(0, 50));
              await client.query('select from clients order by id desc for update');
              await client.query('select from lanes for update');
            } catch {
              // the other side of the deadlock
            }
            await client.query('rollback');
          }
        } finally {
          client.release();
        }
      };
      await Promise.all([getInTheWay(), getInTheWay()]);
      await pool.query('alter system reset deadlock_timeout');
      await pool.query('select pg_reload_conf()');
      await waitFor('a deadlock to be counted', async () => (await deadlocks()) > before);
      return recover(contour, load);
    },
  );

  row(
    'a connection is cut after the COMMIT was sent',
    {
      injected: 'the answer to one COMMIT in three swallowed, the connection cut',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async (dice) => {
      const proxy = await startProxy(contour.database.url);
      let cuts = 0;
      const commits = tellCommits();
      proxy.watch(
        loseAnswersTo(
          (bytes, link) => commits(bytes, link) && dice.chance(1 / 3),
          () => {
            cuts += 1;
          },
        ),
      );
      const worker = await contour.startWorker({
        DATABASE_URL: proxy.through(contour.database.url),
      });
      try {
        const load = await underLoad(contour, STEADY);
        await waitFor('five cuts', () => cuts >= 5, { deadlineMs: 60_000 });
        proxy.watch({});
        return await recover(contour, load);
      } finally {
        await worker.stop();
        await proxy.close();
      }
    },
  );

  row(
    'its disk is full',
    {
      injected:
        'a tmpfs of 300 MB filled up, freed 10 s after the first 503, and the server restarted',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      // What started last is closed first.
      const disk = await mountSmallDisk(300);
      onTestFinished(() => disk.remove());
      const postgres = await startTestPostgres({ folder: disk.path });
      onTestFinished(() => postgres.close());
      const contour = await startContour({
        neo4jUri: graphOfMatrix(),
        workers: 2,
        ownPostgres: postgres,
      });
      onTestFinished(() => contour.close());
      const load = await underLoad(contour, STEADY);
      disk.fill();
      // Tables need room beside the WAL.
      await contour.database.pool
        .query(
          'create table ballast as select repeat(md5(i::text), 100) from generate_series(1, 50000) i',
        )
        .catch(() => undefined);
      const refused = () => load.trail.some(({ status }) => status === 503);
      await waitFor('a 503', refused, { deadlineMs: 30_000 });
      await delay(10_000);
      disk.free();
      // It may have crashed.
      await postgres.stop();
      await postgres.start();
      return recover(contour, load);
    },
  );
});
