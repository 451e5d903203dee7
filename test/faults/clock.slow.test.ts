import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf, messagesOf } from '../support/messages.ts';
import type { BuiltProcess } from '../support/processes.ts';
import { addToStreams, streamOwners, withFingerprint } from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';
import { row } from './matrix/row.ts';
import { FAST, graphOfMatrix, recover, told, underLoad } from './matrix/under-load.ts';

const CLOCK_OFF = fileURLToPath(new URL('./inject/clock-off.mjs', import.meta.url));
const TEN_MINUTES_MS = 600_000;
const NINE_MINUTES_MS = 540_000;
/** The shortest first retry delay: 1 s, varied by a half. */
const EARLIEST_RETRY_MS = 450;
const LATEST_RETRY_MS = 10_000;

const clockOff = (ms: number) => ({
  NODE_OPTIONS: `--import=${CLOCK_OFF}`,
  CLOCK_OFF_MS: String(ms),
});

/** How far its newest log line is ahead of this clock. */
const aheadMs = (worker: BuiltProcess) => {
  const times = worker.output().matchAll(/"time":"([^"]+)"/g);
  return Date.parse([...times].at(-1)?.[1] ?? '') - Date.now();
};

describe('Clock', () => {
  let contour: Contour;
  let ahead: BuiltProcess;
  let behind: BuiltProcess;
  beforeAll(async () => {
    contour = await startContour({ neo4jUri: graphOfMatrix() });
    ahead = await contour.startWorker(clockOff(TEN_MINUTES_MS));
    behind = await contour.startWorker(clockOff(-TEN_MINUTES_MS));
  });
  afterAll(() => contour?.close());

  const owners = () => streamOwners(contour.redis.url);

  const pausesBeforeRetry = () => {
    const firstAt = new Map<string, number>();
    const pauses: number[] = [];
    for (const { key, at, nth } of contour.core.requests) {
      if (nth === 1) firstAt.set(key, at);
      if (nth === 2) pauses.push(at - (firstAt.get(key) ?? Infinity));
    }
    return pauses;
  };

  row(
    'workers ten minutes ahead and ten minutes behind',
    {
      injected: 'three workers: one clock right, one ahead, one behind',
      load: `${told(FAST)}, one in four refused by Core at first; 400 stream entries`,
      withinSeconds: 15,
    },
    async (dice) => {
      const refused = dice.between(0, 3);
      contour.core.behave(({ key }, nth) => {
        const isRefused = nth === 1 && Number.parseInt(key.slice(-1), 16) % 4 === refused;
        return { status: isRefused ? 500 : 200 };
      });
      const before = await waitFor('the three to share the shards', async () => {
        const now = await owners();
        // Dealt in turn: the owner of the first shard has the last one, too.
        return new Set(now).size === 3 && !now.includes(null) && now[0] === now[3] && now;
      });
      const { telegram } = (await contour.addTenant()).accounts;
      const entries = [...messagesOf(telegram, { count: 400, chats: 40 })];
      const load = await underLoad(contour, FAST);
      await addToStreams(
        contour.redis.url,
        entries.map((body) => withFingerprint(body, telegram)),
      );
      await delay(5_000);
      // No worker takes a lease before its time.
      expect(await owners()).toEqual(before);
      for (const body of entries) load.sent.add(idOf(body));
      const outcome = await recover(contour, load);
      expect(aheadMs(ahead)).toBeGreaterThan(NINE_MINUTES_MS);
      expect(aheadMs(behind)).toBeLessThan(-NINE_MINUTES_MS);
      const pauses = pausesBeforeRetry();
      expect(pauses.length).toBeGreaterThan(0);
      expect(Math.min(...pauses)).toBeGreaterThan(EARLIEST_RETRY_MS);
      expect(Math.max(...pauses)).toBeLessThan(LATEST_RETRY_MS);
      return outcome;
    },
  );
});
