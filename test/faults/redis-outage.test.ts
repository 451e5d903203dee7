import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startContour } from '../support/contour.ts';
import { messagesOf } from '../support/messages.ts';
import { acceptedCount, get, startLoad } from '../support/send.ts';

const OUTAGE_MS = 60_000;
const BACK_MS = 15_000;

test('Redis is away for 60 s: 503 within 3 s meanwhile, and all goes on by itself', async () => {
  const contour = await startContour({ workers: 2 });
  onTestFinished(() => contour.close());
  const { telegram } = (await contour.addTenant()).accounts;
  const load = startLoad({
    urls: contour.urls,
    messages: messagesOf(telegram, { count: 500, chats: 60 }),
    concurrency: 6,
  });
  await acceptedCount(load, 200);

  await contour.redis.stop();
  const awayAt = Date.now();
  await delay(1000);
  const health = await get(`${contour.url}/health`);
  expect(health.status).toBe(503);
  expect(health.json).toMatchObject({ status: 'unavailable', redis: false, postgres: true });
  expect((await get(`${contour.url}/readyz`)).status).toBe(503);
  expect((await get(`${contour.url}/livez`)).status).toBe(200);
  await delay(OUTAGE_MS - (Date.now() - awayAt));
  const meanwhile = load.trail.filter(({ startedAt }) => startedAt > awayAt);
  expect(meanwhile.length).toBeGreaterThan(0);
  expect(new Set(meanwhile.map(({ status }) => status))).toEqual(new Set([503]));
  expect(Math.max(...meanwhile.map(({ ms }) => ms))).toBeLessThan(3000);

  await contour.redis.start();
  const backAt = Date.now();
  await load.done;
  const firstAgain = load.trail
    .filter(({ status }) => status === 200)
    .map(({ startedAt, ms }) => startedAt + ms)
    .find((at) => at > backAt);
  const recoveryMs = (firstAgain ?? Infinity) - backAt;
  console.log(`accepting again ${recoveryMs} ms after Redis came back`);
  expect(recoveryMs).toBeLessThan(BACK_MS);
  expect(await contour.check(load)).toEqual([]);
  expect((await get(`${contour.url}/health`)).json).toMatchObject({ status: 'ok', workers: 2 });
}, 180_000);
