import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startContour } from '../support/contour.ts';
import { messagesOf } from '../support/messages.ts';
import { acceptedCount, startLoad } from '../support/send.ts';

const FREEZE_MS = 30_000;

test('a worker that is frozen for 30 s loses nothing and, thawed, disturbs nothing', async () => {
  const contour = await startContour({ workers: 2 });
  onTestFinished(() => contour.close());
  contour.core.behave(() => ({ status: 200, delayMs: 20 }));
  const { telegram } = (await contour.addTenant()).accounts;
  const load = startLoad({
    urls: contour.urls,
    messages: messagesOf(telegram, { count: 700, chats: 40 }),
    concurrency: 8,
    // At most twenty messages a second, so that the load outlasts the freeze.
    paceMs: 400,
  });
  await acceptedCount(load, 100);
  contour.workers[0]?.freeze();
  const frozenWith = load.accepted.length;
  await delay(FREEZE_MS);
  expect(load.accepted.length).toBeGreaterThan(frozenWith);
  contour.workers[0]?.thaw();
  expect(await contour.check(await load.done)).toEqual([]);
}, 180_000);
