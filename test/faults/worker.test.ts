import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, inject } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import type { BuiltProcess } from '../support/processes.ts';
import { startProxy, type TestProxy, tellCommits } from '../support/proxy.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { row } from './matrix/row.ts';
import {
  ensureWorkers,
  FAST,
  recover,
  STEADY,
  secondsUntilThrough,
  systemOfMatrix,
  told,
  underLoad,
} from './matrix/under-load.ts';

const TAKEN_OVER_SECONDS = 15;
/** More than the 12 s within which the work of a dead worker is taken over. */
const FROZEN_MS = 13_000;
/** Long enough for a look at it after that. */
const BLOCKED_MS = 16_000;
/** A second signal sooner than this counts as the same one. */
const SAME_SIGNAL_MS = 300;
/** After SIGTERM a worker ends within SHUTDOWN_MS (10 s), and its exit takes a moment. */
const ENDED_MS = 12_000;
const BLOCK_ON_SIGNAL = fileURLToPath(new URL('./inject/block-on-signal.mjs', import.meta.url));

describe('Worker', () => {
  let contour: Contour;
  let toPostgres: TestProxy;
  let toCore: TestProxy;
  beforeAll(async () => {
    contour = await startContour({ ...systemOfMatrix(), neo4jUri: inject('neo4j').uri });
    toPostgres = await startProxy(contour.database.url);
    toCore = await startProxy(contour.core.url);
  });
  afterAll(async () => {
    await contour?.close();
    await toPostgres?.close();
    await toCore?.close();
  });
  beforeEach(async () => {
    toPostgres.watch({});
    toCore.watch({});
    // A failed row may have left it stopped.
    await contour.redis.start();
    await ensureWorkers(contour, 2);
    // A slow Core, so that deliveries are in flight when their worker dies.
    contour.core.behave(() => ({ status: 200, delayMs: 20 }));
  });

  const anyWorker = (): BuiltProcess => {
    const worker = contour.workers.find((one) => !one.ended());
    if (worker === undefined) throw new Error('no worker is running');
    return worker;
  };

  /** A third worker, connected through proxies: the victim of a row. */
  const startVictim = (env: Record<string, string> = {}) =>
    contour.startWorker({
      DATABASE_URL: toPostgres.through(contour.database.url),
      CORE_URL: toCore.through(contour.core.url),
      ...env,
    });

  const died = (victim: BuiltProcess) =>
    waitFor('the victim to die', () => victim.ended(), { deadlineMs: 60_000 });

  row(
    'killed in the middle of its work',
    {
      injected: 'kill -9 of one of two',
      load: told(FAST),
      quick: true,
      withinSeconds: TAKEN_OVER_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, FAST);
      await anyWorker().kill();
      return recover(contour, load);
    },
  );

  row(
    'killed after its commit, before the wake-up',
    {
      injected: 'kill -9 when Postgres says COMMIT; the answer is swallowed',
      load: told(FAST),
      withinSeconds: TAKEN_OVER_SECONDS,
    },
    async (dice) => {
      const victim = await startVictim();
      const commits = tellCommits();
      let left = dice.between(1, 4);
      let committing: object | undefined;
      toPostgres.watch({
        fromClient(bytes, link) {
          if (commits(bytes, link) && --left === 0) committing = link;
          return true;
        },
        fromServer(_bytes, link) {
          if (link === committing) void victim.kill();
          return link !== committing;
        },
      });
      const load = await underLoad(contour, FAST);
      await died(victim);
      return recover(contour, load);
    },
  );

  row(
    'killed in the middle of a batch',
    {
      injected: 'kill -9 at a statement between BEGIN and COMMIT',
      load: told(FAST),
      withinSeconds: TAKEN_OVER_SECONDS,
    },
    async (dice) => {
      const victim = await startVictim();
      let statements = dice.between(1, 6);
      const inside = new Set<object>();
      toPostgres.watch({
        fromClient(bytes, link) {
          if (bytes.includes('begin\0')) inside.add(link);
          else if (bytes.includes('commit\0') || bytes.includes('rollback\0')) inside.delete(link);
          else if (inside.has(link) && --statements === 0) void victim.kill();
          return true;
        },
      });
      const load = await underLoad(contour, FAST);
      await died(victim);
      return recover(contour, load);
    },
  );

  row(
    'killed after the 2xx of Core, before it is marked',
    {
      injected: 'kill -9 when an answer of Core comes in; the answer is swallowed',
      load: told(STEADY),
      withinSeconds: TAKEN_OVER_SECONDS,
    },
    async (dice) => {
      const victim = await startVictim();
      let answers = dice.between(1, 20);
      toCore.watch({
        fromServer() {
          answers -= 1;
          if (answers === 0) void victim.kill();
          return answers > 0;
        },
      });
      // Long enough for shards to move to the victim, which has just started.
      const load = await underLoad(contour, STEADY);
      await died(victim);
      return recover(contour, load);
    },
  );

  row(
    'frozen past its locks, and revived',
    {
      injected: `SIGSTOP of one of two for ${FROZEN_MS / 1000} s and until its work was taken over, then SIGCONT`,
      load: told(STEADY),
      withinSeconds: TAKEN_OVER_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STEADY);
      const worker = anyWorker();
      worker.freeze();
      const frozenAt = Date.now();
      // While it is frozen: the other worker must do its work.
      const recoverySeconds = await secondsUntilThrough(contour, load);
      await delay(Math.max(0, FROZEN_MS - (Date.now() - frozenAt)));
      worker.thaw();
      const { violations } = await recover(contour, load);
      return { recoverySeconds, violations };
    },
  );

  row(
    'its event loop blocked past its locks',
    {
      injected: `a wait of ${BLOCKED_MS / 1000} s in its main thread`,
      load: told(STEADY),
      withinSeconds: TAKEN_OVER_SECONDS,
    },
    async () => {
      const victim = await startVictim({
        NODE_OPTIONS: `--import=${BLOCK_ON_SIGNAL}`,
        BLOCKED_MS: String(BLOCKED_MS),
      });
      const load = await underLoad(contour, STEADY);
      const isLive = () =>
        fetch(`${victim.url}/livez`, { signal: AbortSignal.timeout(1000) }).then(
          ({ status }) => status === 200,
          () => false,
        );
      expect(await isLive()).toBe(true);
      await victim.kill('SIGUSR2');
      const [recoverySeconds] = await Promise.all([
        secondsUntilThrough(contour, load),
        waitFor('its event loop to block', async () => !(await isLive())),
      ]);
      // It is still blocked: others have done its work.
      expect(await isLive()).toBe(false);
      await waitFor('its event loop to go on', isLive, { deadlineMs: BLOCKED_MS });
      const { violations } = await recover(contour, load);
      expect(victim.ended()).toBeUndefined();
      return { recoverySeconds, violations };
    },
  );

  row(
    'told to stop in the middle of its work, twice',
    {
      injected:
        'SIGTERM to one of two, and SIGTERM again while it drains, at a Core that takes 2 s',
      load: told(FAST),
      withinSeconds: TAKEN_OVER_SECONDS,
    },
    async () => {
      let delayMs = 2000;
      contour.core.behave(() => ({ status: 200, delayMs }));
      const load = await underLoad(contour, FAST);
      const worker = anyWorker();
      await worker.kill('SIGTERM');
      await waitFor('it to drain', () => worker.output().includes('process.stopping'));
      await delay(SAME_SIGNAL_MS + 100);
      expect(worker.ended()).toBeUndefined();
      await worker.kill('SIGTERM');
      // The second signal ends it at once.
      expect(await within('its end', 1000, worker.end)).toEqual({ code: 1, signal: null });
      delayMs = 20;
      return recover(contour, load);
    },
  );

  row(
    'told to stop while Redis is away',
    {
      injected: 'Redis stopped, SIGTERM to one of two, Redis started',
      load: told(FAST),
      withinSeconds: TAKEN_OVER_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, FAST);
      const worker = anyWorker();
      await contour.redis.stop();
      await worker.kill('SIGTERM');
      expect(await within('its end', ENDED_MS, worker.end)).toEqual({ code: 0, signal: null });
      await contour.redis.start();
      return recover(contour, load);
    },
  );
});
