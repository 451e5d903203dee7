import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import type { Behaviour } from '../support/fake-core.ts';
import { messagesOf } from '../support/messages.ts';
import { type Load, startLoad } from '../support/send.ts';
import type { TestTenant } from '../support/tenants.ts';

const RETRY_AFTER_S = 3;

const CASES: Array<[name: string, behaviour: Behaviour, end: 'delivered' | 'dead']> = [
  ['500', { status: 500 }, 'delivered'],
  [
    '429 with Retry-After',
    { status: 429, headers: { 'retry-after': String(RETRY_AFTER_S) } },
    'delivered',
  ],
  ['400', { status: 400 }, 'dead'],
  ['nothing at all', { hang: true }, 'delivered'],
  ['200 and an endless body', { drip: true }, 'delivered'],
  ['a redirect', { status: 307, headers: { location: '/elsewhere' } }, 'dead'],
  ['a cut connection', { cut: 'silent' }, 'delivered'],
  ['a connection cut in the middle of its 200', { cut: 'mid-answer' }, 'delivered'],
];

/** Every fourth message, and the same ones however often they come. */
const isPicked = (key: string) => Number.parseInt(key.slice(0, 2), 16) % 4 === 0;

let contour: Contour;
const loads = new Map<string, Load>();

/** All at once, a tenant for each way to misbehave: as a Core does that serves many. */
beforeAll(async () => {
  contour = await startContour({ workers: 2, env: { CORE_TIMEOUT_MS: '1000' } });
  const wayOf = new Map<string, (typeof CASES)[number]>();
  contour.core.behave(({ key, body }, nth) => {
    const [, behaviour, end] = wayOf.get(JSON.parse(body).tenant_id) ?? [];
    const hasIt = behaviour && isPicked(key) && (nth === 1 || end === 'dead');
    return hasIt ? behaviour : { status: 200 };
  });
  const tenants: TestTenant[] = [];
  for (const one of CASES) {
    const tenant = await contour.addTenant();
    tenants.push(tenant);
    wayOf.set(tenant.id, one);
  }
  await Promise.all(
    CASES.map(async ([name], index) => {
      const account = tenants[index]?.accounts.telegram;
      if (account === undefined) return;
      const messages = messagesOf(account, { count: 80, chats: 20 });
      loads.set(name, await startLoad({ urls: contour.urls, messages, concurrency: 4 }).done);
    }),
  );
});
afterAll(() => contour?.close());

test.each(CASES)('Core answers %s', async (name, _behaviour, end) => {
  const { accepted, sent } = loads.get(name) ?? { accepted: [], sent: new Set<string>() };
  expect(await contour.check({ accepted })).toEqual([]);

  const picked = [...sent].filter(isPicked).sort();
  expect(picked.length).toBeGreaterThan(0);
  const entries = (await contour.dlq()).filter(({ id }) => sent.has(id));
  expect(entries.map(({ id }) => id).sort()).toEqual(end === 'dead' ? picked : []);
  for (const { reason } of entries) expect(reason).toBe('core_refused');
  if (!name.startsWith('429')) return;
  for (const key of picked) {
    const [first, second] = contour.core.requests.filter((request) => request.key === key);
    const waitedMs = (second?.at ?? 0) - (first?.at ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(RETRY_AFTER_S * 1000 - 50);
  }
});

test('Core is down for everyone: few attempts are made, and nothing is given up', async () => {
  const { telegram } = (await contour.addTenant()).accounts;
  const before = contour.core.requests.length;
  contour.core.behave(() => ({ status: 503 }));
  const { accepted } = await startLoad({
    urls: contour.urls,
    messages: messagesOf(telegram, { count: 300, chats: 300 }),
    concurrency: 30,
  }).done;
  // The open circuit holds the rest back: without it there would be at least one attempt each.
  expect(contour.core.requests.length - before).toBeLessThan(300);
  contour.core.behave(() => ({ status: 200 }));
  expect(await contour.check({ accepted })).toEqual([]);
  const ids = new Set(accepted.map(({ messageId }) => messageId));
  expect((await contour.dlq()).filter(({ id }) => ids.has(id))).toEqual([]);
});
