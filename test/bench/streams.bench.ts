import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { cpuSeconds, pinTo } from '../support/cpu-time.ts';
import { type Body, messagesOf } from '../support/messages.ts';
import { withRedis } from '../support/redis-client.ts';
import { startLoad } from '../support/send.ts';
import { addToStreams, STREAM_SHARDS, withFingerprint } from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';

const MESSAGES = 10_000;
const CHATS = 500;
const ROUNDS = 3;

type Way = 'http' | 'streams';

const pidIn = (file: string) => Number.parseInt(readFileSync(file, 'utf8'), 10);

/** All that works for a message, the senders and the receiver apart. */
function usedBy({ apis, workers, redis, postgres }: Contour): Record<string, number> {
  const sum = (pids: number[]) => pids.reduce((total, pid) => total + cpuSeconds(pid), 0);
  return {
    api: sum(apis.map(({ pid }) => pid)),
    worker: sum(workers.map(({ pid }) => pid)),
    redis: cpuSeconds(pidIn(`${redis.dataDir}/redis.pid`)),
    postgres: cpuSeconds(pidIn(`${postgres?.dataDir}/postmaster.pid`)),
  };
}

const waiting = (redisUrl: string) =>
  withRedis(redisUrl, async (redis) => {
    let entries = 0;
    for (let shard = 0; shard < STREAM_SHARDS; shard += 1) {
      entries += Number(await redis('XLEN', `contour:resolve:${shard}`));
    }
    return entries;
  });

async function send(contour: Contour, way: Way, bodies: readonly Body[]): Promise<void> {
  if (way === 'streams') return addToStreams(contour.redis.url, bodies);
  await startLoad({ urls: contour.urls, messages: bodies, concurrency: 100 }).done;
}

/** Messages per second of processor time, from their arrival to the ledger: nothing is delivered. */
async function measure(contour: Contour, way: Way): Promise<number> {
  const { pool } = contour.database;
  const { telegram } = (await contour.addTenant()).accounts;
  const bodies = [...messagesOf(telegram, { count: MESSAGES, chats: CHATS })].map((body) =>
    way === 'streams' ? withFingerprint(body, telegram) : body,
  );
  const count = async () =>
    (await pool.query<{ n: number }>('select count(*)::int as n from messages')).rows[0]?.n ?? 0;
  const before = await count();
  const at = usedBy(contour);
  await send(contour, way, bodies);
  // Not by counting the ledger again and again, which would be work for Postgres.
  const isEmpty = async () => (await waiting(contour.redis.url)) === 0;
  await waitFor('the streams to be empty', isEmpty, { deadlineMs: 120_000, everyMs: 50 });
  const now = usedBy(contour);
  expect(await count()).toBe(before + MESSAGES);
  const used = Object.entries(now).map(([name, end]) => [name, end - (at[name] ?? 0)] as const);
  const total = used.reduce((sum, [, seconds]) => sum + seconds, 0);
  const shown = used.map(([name, seconds]) => `${name} ${((seconds / MESSAGES) * 1e6).toFixed(0)}`);
  console.log(
    `${way.padEnd(7)} ${(MESSAGES / total).toFixed(0)} messages per CPU-second (µs: ${shown.join(', ')})`,
  );
  return MESSAGES / total;
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

it('streams cost a fraction of the processor time that HTTP does', {
  timeout: 600_000,
}, async () => {
  const contour = await startContour({
    ownPostgres: true,
    env: { WORKER_ROLES: 'resolve,stream', MAX_BACKLOG: '1000000' },
  });
  try {
    for (const { pid } of contour.workers) pinTo(pid, 1);
    for (const way of ['http', 'streams'] as const) await measure(contour, way);
    const rates: Record<Way, number[]> = { http: [], streams: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const order: Way[] = round % 2 === 0 ? ['http', 'streams'] : ['streams', 'http'];
      for (const way of order) rates[way].push(await measure(contour, way));
    }
    const ratio = median(rates.streams) / median(rates.http);
    console.log(
      `streams / http: ${ratio.toFixed(2)} (medians of ${ROUNDS}, ${MESSAGES} messages each)`,
    );
    expect(ratio).toBeGreaterThanOrEqual(2.5);
  } finally {
    await contour.close();
  }
});
