import { expect, it, onTestFinished } from 'vitest';
import { type Contour, type ContourOptions, startContour } from '../support/contour.ts';
import { messagesOf } from '../support/messages.ts';
import { resolve } from '../support/send.ts';
import { waitFor } from '../support/wait-for.ts';

const IDLE_REQUESTS = 200;
const WARM_UP = 50;
const WAITING = 1_000;

async function open(options: ContourOptions): Promise<Contour> {
  const contour = await startContour(options);
  onTestFinished(() => contour.close());
  return contour;
}

function quantile(sorted: readonly number[], share: number): string {
  return (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
}

it('an idle system answers in a few milliseconds', async () => {
  const contour = await open({});
  const { accounts } = await contour.addTenant();
  const times: number[] = [];
  const messages = messagesOf(accounts.telegram, { count: WARM_UP + IDLE_REQUESTS, chats: 20 });
  for (const message of messages) {
    const { status, ms } = await resolve(contour.url, message);
    expect(status).toBe(200);
    times.push(ms);
    // Idle means that nothing else goes on: the next one is sent when this one has been delivered.
    await waitFor('its delivery', async () => contour.core.requests.length === times.length, {
      deadlineMs: 10_000,
      everyMs: 1,
    });
  }
  const sorted = times.slice(WARM_UP).sort((a, b) => a - b);
  console.log(
    `idle: ${IDLE_REQUESTS} requests, one at a time, each after the delivery of the one before: p50 ${quantile(sorted, 0.5)} ms, ` +
      `p95 ${quantile(sorted, 0.95)} ms, slowest ${quantile(sorted, 0.999)} ms`,
  );
});

it('a thousand waiting messages are resolved in a few dozen transactions', async () => {
  // Delivery writes transactions of its own, so the worker only resolves here.
  const contour = await open({ workers: 0, env: { WORKER_ROLES: 'resolve' } });
  const { pool } = contour.database;
  const { accounts } = await contour.addTenant();
  const messages = [...messagesOf(accounts.telegram, { count: WAITING, chats: 200 })];
  for (let sent = 0; sent < WAITING; sent += 50) {
    const answers = await Promise.all(
      messages
        .slice(sent, sent + 50)
        .map((message) => resolve(contour.url, message, { prefer: 'respond-async' })),
    );
    expect(answers.every((answer) => answer.status === 202)).toBe(true);
  }

  // Every resolving transaction stamps its rows with its own id, which the rows still carry.
  await contour.startWorker();
  const startedAt = performance.now();
  const count = async () =>
    (await pool.query<{ n: number }>('select count(*)::int as n from messages')).rows[0]?.n;
  await waitFor('all resolved', async () => (await count()) === WAITING, { deadlineMs: 60_000 });
  const ms = Math.round(performance.now() - startedAt);
  const { rows } = await pool.query<{ transactions: number; largest: number }>(
    `select count(*)::int as transactions, max(size)::int as largest
       from (select count(*) as size from messages group by xmin) batches`,
  );
  const { transactions = 0, largest = 0 } = rows[0] ?? {};
  console.log(
    `backlog: ${WAITING} waiting messages: ${transactions} transactions, ` +
      `${largest} messages in the largest, resolved ${ms} ms after the worker was ready`,
  );
  expect(transactions).toBeLessThan(100);
});
