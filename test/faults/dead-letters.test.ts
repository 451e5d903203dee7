import { setTimeout as delay } from 'node:timers/promises';
import { fingerprintOf } from '@contour/contract';
import { registerChannelAccount } from '@contour/store/tenants';
import { afterAll, beforeAll, beforeEach, describe, expect } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf, messagesOf } from '../support/messages.ts';
import { withRedis } from '../support/redis-client.ts';
import { runContour } from '../support/run-contour.ts';
import { isWholeMatrix } from '../support/seed.ts';
import { type Accepted, request, resolve, startLoad } from '../support/send.ts';
import { makeCredential, type TestAccount } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Outcome, row } from './matrix/row.ts';
import {
  STEADY,
  secondsUntilThrough,
  systemOfMatrix,
  told,
  underLoad,
} from './matrix/under-load.ts';

/** Some hundred at a time, all of them over HTTP. */
const AGAIN_SECONDS = 30;
const DEAD = isWholeMatrix() ? 300 : 60;
const MANY_DEAD = 2000;

/** An account that no tenant has. */
function strangerOf(channel: 'telegram'): TestAccount {
  const credential = makeCredential(channel);
  return { id: 0, channel, credential, fingerprint: fingerprintOf(credential) };
}

describe('Dead letters', () => {
  let contour: Contour;
  beforeAll(async () => {
    contour = await startContour(systemOfMatrix());
  });
  afterAll(() => contour?.close());
  beforeEach(() => contour.core.behave(() => ({ status: 200 })));

  const countOf = async (ids: readonly string[], status: string) => {
    const { rows } = await contour.database.pool.query<{ n: number }>(
      'select count(*)::int as n from messages where id = any($1) and status = $2',
      [ids, status],
    );
    return rows[0]?.n ?? 0;
  };

  const replay = () => request('POST', `${contour.url}/dlq/replay`, { body: {} });

  /** A replay answers after 2 s at the latest: its jobs may still be in the queue. */
  const nothingIsQueued = () =>
    withRedis(contour.redis.url, async (redis) => {
      const states = ['wait', 'active', 'prioritized', 'delayed'];
      return (await redis('EXISTS', ...states.map((state) => `bull:resolve:${state}`))) === 0;
    });

  /** Messages that Core has refused. Afterwards it accepts all messages. */
  async function dead(count: number): Promise<Accepted[]> {
    const { telegram } = (await contour.addTenant()).accounts;
    contour.core.behave(() => ({ status: 400 }));
    const messages = messagesOf(telegram, { count, chats: count });
    const { accepted } = await startLoad({ urls: contour.urls, messages, concurrency: 30 }).done;
    const ids = accepted.map(({ messageId }) => messageId);
    const areDead = async () => (await countOf(ids, 'dead')) === count;
    await waitFor('all to be dead', areDead, { deadlineMs: 60_000 });
    contour.core.behave(() => ({ status: 200 }));
    return accepted;
  }

  /** Replays until all are delivered, then runs the checker. */
  async function allReplayed(accepted: readonly Accepted[]): Promise<Outcome> {
    const since = performance.now();
    const ids = accepted.map(({ messageId }) => messageId);
    const isOver = async () => {
      // A replay leaves the entry of a message in flight. The next replay finds it delivered.
      await replay();
      return (await countOf(ids, 'delivered')) === ids.length && (await contour.dlq()).length === 0;
    };
    await waitFor('all to be delivered', isOver, { deadlineMs: 60_000 });
    const recoverySeconds = (performance.now() - since) / 1000;
    return { recoverySeconds, violations: await contour.check({ accepted }) };
  }

  row(
    'a replay is killed midway',
    {
      injected: 'kill -9 of contour dlq replay when some are through; replayed again',
      load: `${MANY_DEAD} dead messages`,
      withinSeconds: AGAIN_SECONDS,
    },
    async (dice) => {
      const accepted = await dead(MANY_DEAD);
      const ids = accepted.map(({ messageId }) => messageId);
      const killer = new AbortController();
      const env = { DATABASE_URL: contour.database.url, REDIS_URL: contour.redis.url };
      const ran = runContour(['dlq', 'replay', '--all'], env, '', killer.signal);
      const isUnderWay = async () => (await countOf(ids, 'dead')) < MANY_DEAD;
      await waitFor('the replay to be under way', isUnderWay, { everyMs: 2 });
      await delay(dice.between(0, 100));
      killer.abort();
      expect((await ran).code).not.toBe(0);
      return allReplayed(accepted);
    },
  );

  row(
    'two replays at once',
    {
      injected:
        'three at once, three times, while Core still refuses; then two, and Core takes all',
      load: `${DEAD} dead messages`,
      withinSeconds: AGAIN_SECONDS,
    },
    async () => {
      const accepted = await dead(DEAD);
      const ids = accepted.map(({ messageId }) => messageId);
      contour.core.behave(() => ({ status: 400 }));
      for (let round = 0; round < 3; round += 1) {
        await Promise.all([replay(), replay(), replay()]);
        const areDead = async () =>
          (await nothingIsQueued()) && (await countOf(ids, 'dead')) === DEAD;
        await waitFor('all to be dead again', areDead, { deadlineMs: 60_000 });
        expect(await contour.dlq()).toHaveLength(DEAD);
      }
      contour.core.behave(() => ({ status: 200 }));
      await Promise.all([replay(), replay()]);
      return allReplayed(accepted);
    },
  );

  row(
    'a replay against a clearing',
    {
      injected: 'both at once, five times; what was cleared stays dead',
      load: `${DEAD} dead messages`,
      withinSeconds: AGAIN_SECONDS,
    },
    async () => {
      const accepted: Accepted[] = [];
      let recoverySeconds = 0;
      for (let time = 0; time < 5; time += 1) {
        const some = await dead(DEAD / 5);
        accepted.push(...some);
        const clear = () => request('DELETE', `${contour.url}/dlq?reason=core_refused`);
        const [, clearing] = await Promise.all([replay(), clear()]);
        expect(clearing.status).toBe(200);
        const since = performance.now();
        const ids = some.map(({ messageId }) => messageId);
        const isOver = async () => {
          await replay();
          return (await countOf(ids, 'pending')) === 0 && (await contour.dlq()).length === 0;
        };
        await waitFor('all to be delivered or cleared', isOver, { deadlineMs: 60_000 });
        recoverySeconds = Math.max(recoverySeconds, (performance.now() - since) / 1000);
      }
      return { recoverySeconds, violations: await contour.check({ accepted }) };
    },
  );

  row(
    'wiped',
    {
      injected: 'FLUSHALL when all are dead, some of them cleared, and others unknown',
      load: `${DEAD} dead messages`,
      quick: true,
      withinSeconds: AGAIN_SECONDS,
    },
    async () => {
      const stranger = strangerOf('telegram');
      const bodies = [...messagesOf(stranger, { count: 20, chats: 5 })];
      for (const body of bodies) expect((await resolve(contour.url, body)).status).toBe(404);
      await dead(10);
      const clearing = await request('DELETE', `${contour.url}/dlq?reason=core_refused`);
      expect(clearing.json).toEqual({ cleared: true, count: 10 });
      const accepted = await dead(DEAD);
      const expected = [...bodies.map(idOf), ...accepted.map(({ messageId }) => messageId)].sort();
      await waitFor('Redis to show them', async () => (await shownByRedis()) === expected.length);
      const since = performance.now();
      await withRedis(contour.redis.url, (redis) => redis('FLUSHALL'));
      const ids = async () => (await contour.dlq()).map(({ id }) => id).sort();
      // All entries are there at once, except the cleared ones.
      expect(await ids()).toEqual(expected);
      await waitFor('Redis to show them again', async () => {
        expect(await ids()).toEqual(expected);
        return (await shownByRedis()) === expected.length;
      });
      const recoverySeconds = (performance.now() - since) / 1000;
      await request('DELETE', `${contour.url}/dlq?reason=unknown_tenant`);
      const { violations } = await allReplayed(accepted);
      return { recoverySeconds, violations };
    },
  );

  /** How many entries Bull Board sees. */
  const shownByRedis = () =>
    withRedis(contour.redis.url, async (redis) =>
      Number(await redis('ZCARD', 'bull:dlq:prioritized')),
    );

  const KNOWN_WITHIN_MS = 5_000;
  const KNOCKS = 10_000;
  const ROOM = 1000;
  row(
    'one unknown credential, ten thousand times',
    {
      injected: `${KNOCKS} messages of an account that no tenant has; then it is registered`,
      load: told(STEADY),
      withinSeconds: 60,
    },
    async () => {
      const load = await underLoad(contour, STEADY);
      const tenant = await contour.addTenant();
      const stranger = strangerOf('telegram');
      const { credential } = stranger;
      const parked: string[] = [];
      const statuses = new Set<number>();
      const messages = messagesOf(stranger, { count: KNOCKS, chats: 100 });
      const knock = async () => {
        for (let next = messages.next(); !next.done; next = messages.next()) {
          const { status, json } = await resolve(contour.url, next.value);
          statuses.add(status);
          if (!json.detail.includes('is not parked')) parked.push(idOf(next.value));
        }
      };
      await Promise.all(Array.from({ length: 30 }, knock));
      expect(statuses).toEqual(new Set([404]));
      expect(parked).toHaveLength(ROOM);
      const strangers = (await contour.dlq()).filter(({ reason }) => reason === 'unknown_tenant');
      expect(strangers).toHaveLength(ROOM);
      const others = await load.done;
      // Known accounts have not had to wait.
      await secondsUntilThrough(contour, others);
      expect(Math.max(...others.trail.map(({ ms }) => ms))).toBeLessThan(KNOWN_WITHIN_MS);

      await registerChannelAccount(contour.database.pool, {
        ...{ tenantId: tenant.id, channel: 'telegram', credential },
      });
      const since = performance.now();
      const areIn = async () => (await countOf(parked, 'delivered')) === ROOM;
      await waitFor('what was parked', areIn, { deadlineMs: 120_000 });
      const recoverySeconds = (performance.now() - since) / 1000;
      const accepted = parked.map((messageId) => ({ messageId, answer: null }));
      const all = [...others.accepted, ...accepted];
      return { recoverySeconds, violations: await contour.check({ accepted: all }) };
    },
  );
});
