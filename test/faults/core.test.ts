import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { Violation } from '../support/checker/violation.ts';
import { type Contour, startContour } from '../support/contour.ts';
import type { Behaviour } from '../support/fake-core.ts';
import { messagesOf } from '../support/messages.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { isWholeMatrix } from '../support/seed.ts';
import { type Load, startLoad } from '../support/send.ts';
import { type NeighbourLoad, startNeighbours, toldNeighbours } from './matrix/neighbours.ts';
import { row } from './matrix/row.ts';
import {
  graphOfMatrix,
  recover,
  secondsUntilThrough,
  told,
  underLoad,
} from './matrix/under-load.ts';

/** The first retry delays, and a circuit that opens and closes meanwhile. */
const RETRIED_SECONDS = 30;

/** The messages of each way. */
const EACH = isWholeMatrix() ? { count: 80, chats: 20 } : { count: 40, chats: 10 };

/** How long Core refuses all messages. */
const WRONG_MS = 6_000;
const TWENTY: NeighbourLoad = { tenants: 20, perSecond: 150, chats: 10, by: 'http' };

interface Way {
  behaviour: Behaviour;
  end: 'delivered' | 'dead';
  /** Core has answered 200: the message is not sent again. */
  isSentOnce?: true;
  /** The Retry-After of the answer. */
  waitsSeconds?: number;
}

const WAYS: Record<string, Way> = {
  'answers 500': { behaviour: { status: 500 }, end: 'delivered' },
  'answers 429 and says when': {
    behaviour: { status: 429, headers: { 'retry-after': '3' } },
    end: 'delivered',
    waitsSeconds: 3,
  },
  'answers 400': { behaviour: { status: 400 }, end: 'dead' },
  'answers 404, as a Core that is being deployed': { behaviour: { status: 404 }, end: 'delivered' },
  'never answers': { behaviour: { hang: true }, end: 'delivered' },
  'answers a byte at a time, for ever': {
    behaviour: { drip: true },
    end: 'delivered',
    isSentOnce: true,
  },
  'answers with two gigabytes': { behaviour: { flood: true }, end: 'delivered', isSentOnce: true },
  'sends elsewhere': {
    behaviour: { status: 307, headers: { location: '/elsewhere' } },
    end: 'dead',
  },
  'takes the message and cuts the connection': {
    behaviour: { cut: 'silent' },
    end: 'delivered',
  },
  'is cut off in the middle of its 200': {
    behaviour: { cut: 'mid-answer' },
    end: 'delivered',
  },
};

/** The bytes that are read of an endless answer, and those in buffers. */
const MOST_READ_BYTES = 16 * 1024 * 1024;

interface Through extends Load {
  seconds: number;
}

/** Every fourth message, and the same ones at every attempt. */
const isPicked = (key: string) => Number.parseInt(key.slice(0, 2), 16) % 4 === 0;

describe('Core', () => {
  let contour: Contour;
  const ways = new Map<string, Promise<Through>>();

  /** All at once, with a tenant for each kind of failure. */
  beforeAll(async () => {
    // Longer than an answer takes on a machine that is busy with other tests.
    contour = await startContour({
      neo4jUri: graphOfMatrix(),
      workers: 2,
      env: { CORE_TIMEOUT_MS: '4000' },
    });
    const wayOf = new Map<string, Way>();
    contour.core.behave(({ key, body }, nth) => {
      const way = wayOf.get(JSON.parse(body).tenant_id);
      const hasIt = way && isPicked(key) && (nth === 1 || way.end === 'dead');
      return hasIt ? way.behaviour : { status: 200 };
    });
    const sendOwn = async ([, way]: [string, Way]): Promise<Through> => {
      const tenant = await contour.addTenant();
      wayOf.set(tenant.id, way);
      const messages = messagesOf(tenant.accounts.telegram, EACH);
      const load = await startLoad({ urls: contour.urls, messages, concurrency: 4 }).done;
      return { ...load, seconds: await secondsUntilThrough(contour, load) };
    };
    for (const way of Object.entries(WAYS)) {
      const sent = sendOwn(way);
      ways.set(way[0], sent);
      // Its row gets the failure. Until then it must not count as unhandled.
      sent.catch(() => undefined);
    }
    await Promise.allSettled(ways.values());
  });
  afterAll(() => contour?.close());

  for (const [name, { end, waitsSeconds, isSentOnce }] of Object.entries(WAYS)) {
    row(
      name,
      {
        injected: `one message in four${end === 'dead' ? ', at every attempt' : ', at its first attempt'}`,
        load: `${EACH.count} messages of ${EACH.chats} chats, beside those of the other ways`,
        quick: true,
        withinSeconds: RETRIED_SECONDS,
      },
      async () => {
        const { sent, seconds: recoverySeconds } = (await ways.get(name)) as Through;
        const picked = [...sent].filter(isPicked).sort();
        expect(picked.length).toBeGreaterThan(0);
        const entries = (await contour.dlq()).filter(({ id }) => sent.has(id));
        expect(entries.map(({ id }) => id).sort()).toEqual(end === 'dead' ? picked : []);
        for (const { reason } of entries) expect(reason).toBe('core_refused');
        if (isSentOnce) expectOnce(picked);
        if (waitsSeconds !== undefined) expectPatience(picked, waitsSeconds);
        return { recoverySeconds, violations: await checked() };
      },
    );
  }

  // One check serves all rows.
  let found: Promise<Violation[]> | undefined;
  const checked = () => {
    found ??= Promise.all(ways.values()).then((loads) => {
      expect(contour.core.mostFlooded()).toBeLessThan(MOST_READ_BYTES);
      return contour.check({ accepted: loads.flatMap(({ accepted }) => accepted) });
    });
    return found;
  };

  function expectOnce(keys: readonly string[]): void {
    for (const key of keys) {
      expect(contour.core.requests.filter((request) => request.key === key)).toHaveLength(1);
    }
  }

  function expectPatience(keys: readonly string[], seconds: number): void {
    for (const key of keys) {
      const [first, second] = contour.core.requests.filter((request) => request.key === key);
      const waitedMs = (second?.at ?? 0) - (first?.at ?? 0);
      expect(waitedMs).toBeGreaterThanOrEqual(seconds * 1000 - 50);
    }
  }
});

describe('Core for all', () => {
  let contour: Contour;
  let toCore: TestProxy;
  beforeAll(async () => {
    contour = await startContour({ neo4jUri: graphOfMatrix(), workers: 0 });
    toCore = await startProxy(contour.core.url);
    const CORE_URL = toCore.through(contour.core.url);
    await Promise.all([contour.startWorker({ CORE_URL }), contour.startWorker({ CORE_URL })]);
  });
  afterAll(async () => {
    await contour?.close();
    await toCore?.close();
  });

  row(
    'is slow for one tenant',
    {
      injected: '5 s for each message of one tenant, none for the other',
      load: '900 messages of the slow tenant in 300 chats, 100 of the other in 25',
      withinSeconds: 5,
    },
    async () => {
      const slow = await contour.addTenant();
      contour.core.behave(({ body }) => ({
        status: 200,
        delayMs: JSON.parse(body).tenant_id === slow.id ? 5000 : 0,
      }));
      const many = { count: 900, chats: 300, senders: 20, ahead: 900 };
      const behind = await underLoad(contour, many, { tenant: slow });
      await behind.done;
      const quick = await underLoad(contour, { count: 100, chats: 25, senders: 10, ahead: 1 });
      await quick.done;
      const recoverySeconds = await secondsUntilThrough(contour, quick);
      const { rows } = await contour.database.pool.query<{ waiting: number }>(
        "select count(*)::int as waiting from messages where tenant_id = $1 and status = 'pending'",
        [slow.id],
      );
      // The quick tenant did not wait for the slow one.
      expect(rows[0]?.waiting).toBeGreaterThan(0);
      const accepted = [...behind.accepted, ...quick.accepted];
      return { recoverySeconds, violations: await contour.check({ accepted }) };
    },
  );

  const WAITING = { count: 5000, chats: 500, senders: 30, ahead: 5000 };
  row(
    'away for two minutes',
    {
      injected: 'every connection to it is broken off, for 120 s',
      load: `${told(WAITING)}, all waiting`,
      withinSeconds: 90,
    },
    async () => {
      contour.core.behave(() => ({ status: 200 }));
      const awayAt = Date.now();
      toCore.lead('http://127.0.0.1:1');
      toCore.cutAll();
      const load = await underLoad(contour, WAITING);
      await delay(120_000 - (Date.now() - awayAt));
      toCore.lead(contour.core.url);
      return recover(contour, load, 120_000);
    },
  );

  row(
    'down for everyone',
    {
      injected: '503 to everything, until all is accepted',
      load: '300 messages of 300 chats, 30 senders',
      quick: true,
      withinSeconds: RETRIED_SECONDS,
    },
    async () => {
      const before = contour.core.requests.length;
      contour.core.behave(() => ({ status: 503 }));
      const load = await underLoad(contour, { count: 300, chats: 300, senders: 30, ahead: 300 });
      // The open circuit holds the rest: without it there would be at least one attempt each.
      expect(contour.core.requests.length - before).toBeLessThan(300);
      contour.core.behave(() => ({ status: 200 }));
      const outcome = await recover(contour, load);
      expect(await contour.dlq()).toEqual([]);
      return outcome;
    },
  );

  /** Answers to all messages when Core or a proxy before it is configured wrong. */
  const WRONG_WAYS: Record<string, Behaviour> = {
    'wants another key': { status: 401 },
    'sends everybody elsewhere': { status: 307, headers: { location: '/elsewhere' } },
    'does not know its own route': { status: 404 },
  };
  for (const [name, behaviour] of Object.entries(WRONG_WAYS)) {
    row(
      name,
      {
        injected: `${JSON.stringify(behaviour)} to everything, for ${WRONG_MS / 1000} s`,
        load: toldNeighbours(TWENTY),
        withinSeconds: RETRIED_SECONDS,
      },
      async () => {
        contour.core.behave(() => ({ status: 200 }));
        const neighbours = await startNeighbours(contour, TWENTY);
        await neighbours.watch(WRONG_MS / 4);
        contour.core.behave(() => behaviour);
        await delay(WRONG_MS);
        contour.core.behave(() => ({ status: 200 }));
        const load = await neighbours.stop();
        const recoverySeconds = await secondsUntilThrough(contour, load);
        expect(await contour.dlq()).toEqual([]);
        return { recoverySeconds, violations: await contour.check({ accepted: load.accepted }) };
      },
    );
  }
});
