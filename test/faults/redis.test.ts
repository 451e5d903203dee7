import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { startProxy } from '../support/proxy.ts';
import { withRedis } from '../support/redis-client.ts';
import { acceptedCount, get } from '../support/send.ts';
import { startTestRedis } from '../support/servers.ts';
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
const OUTAGE_MS = 60_000;
const FROZEN_MS = 15_000;

describe('Redis', () => {
  let contour: Contour;
  beforeAll(async () => {
    contour = await startContour(systemOfMatrix());
  });
  afterAll(() => contour?.close());
  const run = (...command: string[]) => withRedis(contour.redis.url, (redis) => redis(...command));

  beforeEach(async () => {
    // Undoes what a failed row has left behind.
    await contour.redis.start();
    contour.redis.thaw();
    await run('CONFIG', 'SET', 'maxmemory', '0');
    await run('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    contour.core.behave(() => ({ status: 200 }));
  });

  row(
    'killed',
    {
      injected: 'kill -9, then started with its append-only file',
      load: told(FAST),
      quick: true,
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, FAST);
      await contour.redis.kill();
      await contour.redis.start();
      return recover(contour, load);
    },
  );

  row(
    'away for a minute',
    {
      injected: 'stopped, started 60 s later',
      load: told(LONG),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, LONG);
      await contour.redis.stop();
      const awayAt = Date.now();
      const health = await waitFor('health to report it', async () => {
        const answer = await get(`${contour.url}/health`);
        return answer.status === 503 && answer;
      });
      expect(health.json).toMatchObject({ status: 'unavailable', redis: false, postgres: true });
      expect((await get(`${contour.url}/readyz`)).status).toBe(503);
      expect((await get(`${contour.url}/livez`)).status).toBe(200);
      await delay(OUTAGE_MS - (Date.now() - awayAt));
      const meanwhile = load.trail.filter(({ startedAt }) => startedAt > awayAt);
      expect(new Set(meanwhile.map(({ status }) => status))).toEqual(new Set([503]));
      expect(Math.max(...meanwhile.map(({ ms }) => ms))).toBeLessThan(3000);
      await contour.redis.start();
      return recover(contour, load);
    },
  );

  row(
    'accepts connections and never answers',
    {
      injected: `SIGSTOP for ${FROZEN_MS / 1000} s`,
      load: told(FAST),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, FAST);
      contour.redis.freeze();
      await delay(FROZEN_MS);
      contour.redis.thaw();
      return recover(contour, load);
    },
  );

  row(
    'cuts its clients off again and again',
    {
      injected: 'CLIENT KILL TYPE normal and pubsub, every 300 ms, 30 times',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STEADY);
      for (let time = 0; time < 30; time += 1) {
        await run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await run('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await delay(300);
      }
      return recover(contour, load);
    },
  );

  row(
    'has reached its maxmemory',
    {
      injected: 'maxmemory set to less than is used, lifted after 8 s',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STEADY);
      await run('CONFIG', 'SET', 'maxmemory', '1mb');
      const refused = () => load.trail.some(({ status }) => status === 503);
      await waitFor('a 503', refused);
      await delay(8_000);
      await run('CONFIG', 'SET', 'maxmemory', '0');
      return recover(contour, load);
    },
  );

  row(
    'may evict',
    {
      injected: 'an API started while maxmemory-policy is allkeys-lru, then noeviction',
      load: told(FAST),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, FAST);
      await run('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      const before = contour.apis.length;
      let isReady = false;
      const ready = contour.startApi().then(() => {
        isReady = true;
      });
      const refusal = await waitFor('the new API to answer', () => {
        const api = contour.apis[before];
        return api && get(`${api.url}/readyz`);
      });
      expect(refusal.status).toBe(503);
      expect(refusal.json.reasons).toEqual([expect.stringContaining('allkeys-lru')]);
      expect((await get(`${contour.url}/readyz`)).status).toBe(503);
      expect(isReady).toBe(false);
      await run('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await ready;
      expect((await get(`${contour.url}/readyz`)).status).toBe(200);
      return recover(contour, load);
    },
  );

  row(
    'wiped at any moment',
    {
      injected: 'FLUSHALL five times, each after 10 to 40 more messages',
      load: told(STEADY),
      quick: true,
      withinSeconds: BACK_SECONDS,
    },
    async (dice) => {
      contour.core.behave(() => ({ status: 200, delayMs: 20 }));
      const load = await underLoad(contour, STEADY);
      for (let time = 0; time < 5; time += 1) {
        await acceptedCount(load, load.accepted.length + dice.between(10, 40));
        await run('FLUSHALL');
      }
      return recover(contour, load);
    },
  );

  row(
    'its disk is full',
    {
      injected: 'a tmpfs of 64 MB filled up, freed after 10 s',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      // What started last is closed first.
      const disk = await mountSmallDisk(64);
      onTestFinished(() => disk.remove());
      const redis = await startTestRedis({ folder: disk.path });
      onTestFinished(() => redis.close());
      const contour = await startContour({ neo4jUri: graphOfMatrix(), workers: 2, redis });
      onTestFinished(() => contour.close());
      const load = await underLoad(contour, STEADY);
      disk.fill();
      const refused = () => load.trail.some(({ status }) => status === 503);
      await waitFor('a 503', refused, { deadlineMs: 30_000 });
      await delay(10_000);
      disk.free();
      return recover(contour, load);
    },
  );

  row(
    'fails over to a replica that lacks the last second',
    {
      injected: 'replication cut, kill -9 of the master 1 s later, REPLICAOF NO ONE',
      load: told(STEADY),
      withinSeconds: BACK_SECONDS,
    },
    async () => {
      // What started last is closed first.
      const master = await startTestRedis();
      onTestFinished(() => master.close());
      const replication = await startProxy(master.url);
      onTestFinished(() => replication.close());
      const flags = ['--replicaof', '127.0.0.1', String(replication.port)];
      const replica = await startTestRedis({ flags });
      onTestFinished(() => replica.close());
      const front = await startProxy(master.url);
      onTestFinished(() => front.close());
      const env = { REDIS_URL: front.through(master.url) };
      const contour = await startContour({
        neo4jUri: graphOfMatrix(),
        workers: 2,
        redis: replica,
        env,
      });
      onTestFinished(() => contour.close());
      const ask = (...command: string[]) => withRedis(replica.url, (redis) => redis(...command));
      const isInStep = async () =>
        String(await ask('INFO', 'replication')).includes('master_link_status:up');
      await waitFor('the replica', isInStep);
      const load = await underLoad(contour, STEADY);
      replication.watch({ fromServer: () => false });
      await delay(1000);
      await master.kill();
      replication.cutAll();
      await ask('REPLICAOF', 'NO', 'ONE');
      front.lead(replica.url);
      front.cutAll();
      return recover(contour, load);
    },
  );
});
