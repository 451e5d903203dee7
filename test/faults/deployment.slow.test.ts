import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { type Contour, startContour } from '../support/contour.ts';
import { messagesOf } from '../support/messages.ts';
import { acceptedCount, startLoad } from '../support/send.ts';
import { buildPrevious } from './matrix/build-previous.ts';
import { row } from './matrix/row.ts';
import {
  FAST,
  graphOfMatrix,
  recover,
  secondsUntilThrough,
  told,
  underLoad,
} from './matrix/under-load.ts';

/** Longer than the balancer's interval. */
const DRAIN_MS = 2000;

describe('Deployment', () => {
  let contour: Contour;
  let balancer: Balancer;
  beforeAll(async () => {
    contour = await startContour({
      neo4jUri: graphOfMatrix(),
      apis: 2,
      workers: 2,
      env: { DRAIN_MS: String(DRAIN_MS) },
    });
    balancer = await startBalancer(() => contour.urls);
  });
  afterAll(async () => {
    await balancer?.close();
    await contour?.close();
  });

  row(
    'a worker of the commit before beside a new one',
    {
      injected: 'a worker built from the commit before, on the database of this one',
      load: told(FAST),
      withinSeconds: 15,
    },
    async () => {
      const previous = await buildPrevious();
      try {
        const old = await contour.startWorker({}, previous.root);
        const load = await underLoad(contour, FAST);
        const outcome = await recover(contour, load);
        expect(old.ended()).toBeUndefined();
        expect(old.output()).toContain('delivery.attempted');
        await old.stop();
        return outcome;
      } finally {
        await previous.remove();
      }
    },
  );

  row(
    'every process restarted, one after another',
    {
      injected: `a new one started, SIGTERM to an old one, four times; DRAIN_MS=${DRAIN_MS}`,
      load: '40 messages/s of 60 chats until the last has gone, through a load balancer that looks at /readyz',
      withinSeconds: 15,
    },
    async () => {
      const { telegram } = (await contour.addTenant()).accounts;
      let isOver = false;
      function* untilOver() {
        for (const body of messagesOf(telegram, { count: Infinity, chats: 60 })) {
          if (isOver) return;
          yield body;
        }
      }
      const load = startLoad({
        urls: [balancer.url],
        messages: untilOver(),
        concurrency: 16,
        paceMs: 400,
      });
      try {
        await acceptedCount(load, 100);
        for (const old of contour.workers.filter((one) => !one.ended())) {
          await contour.startWorker();
          await old.stop();
        }
        const olds = [...contour.apis];
        let newSince = Infinity;
        for (const old of olds) {
          await contour.startApi();
          newSince = Math.min(newSince, Date.now());
          await old.stop();
        }
        const sinceNew = load.trail.filter(({ startedAt }) => startedAt > newSince);
        expect(sinceNew.length).toBeGreaterThanOrEqual(50);
      } finally {
        isOver = true;
      }
      const recoverySeconds = await secondsUntilThrough(contour, load);
      const { accepted } = await load.done;
      // Every request got its first answer, a 200.
      expect(new Set(load.trail.map(({ status }) => status))).toEqual(new Set([200]));
      return { recoverySeconds, violations: await contour.check({ accepted }) };
    },
  );
});
