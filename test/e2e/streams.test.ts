import { createProducer } from '@contour/queue/producer';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type Body, idOf, messagesOf, messageTo } from '../support/messages.ts';
import { logged } from '../support/processes.ts';
import { rewriteAof, withRedis } from '../support/redis-client.ts';
import { isWholeMatrix } from '../support/seed.ts';
import {
  addToStreams,
  areStreamsEmpty,
  STREAM_SHARDS,
  streamOf,
  streamOwners,
  withFingerprint,
} from '../support/streams.ts';
import type { TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

let contour: Contour;
let tenant: TestTenant;
beforeAll(async () => {
  contour = await startContour({ workers: 2 });
  tenant = await contour.addTenant();
});
afterAll(() => contour?.close());

const redis = <T>(...command: (string | number)[]) =>
  withRedis(contour.redis.url, (run) => run(...command)) as Promise<T>;

const bodiesOf = (count: number, chats: number): Body[] => {
  const { telegram } = tenant.accounts;
  return [...messagesOf(telegram, { count, chats })].map((body) => withFingerprint(body, telegram));
};

/** The message ids. A credential and its fingerprint give the same id. */
const idsOf = (bodies: readonly Body[]) =>
  bodies.map((body) => idOf({ ...body, bot_token: tenant.accounts.telegram.credential }));

const acceptedOf = (bodies: readonly Body[]) =>
  idsOf(bodies).map((messageId) => ({ messageId, answer: null }));

const done = () =>
  waitFor('the streams to be empty', () => areStreamsEmpty(contour.redis.url), {
    deadlineMs: 30_000,
  });

/** Expects each chat's messages in the order in which they were sent. */
async function outOfOrder(): Promise<number> {
  const { rows } = await contour.database.pool.query<{ n: number }>(
    `select count(*)::int as n from (
       select (payload->>'text') as text, seq,
              row_number() over (partition by dialog_id
                                 order by substring(payload->>'text' from '\\d+$')::int) as place
         from messages where payload->>'text' like 'message %') m
      where place <> seq`,
  );
  return rows[0]?.n ?? -1;
}

test('entries reach Core in the order of each chat, and are removed from the streams', async () => {
  const bodies = bodiesOf(isWholeMatrix() ? 1_000 : 300, 40);
  await addToStreams(contour.redis.url, bodies);
  await done();
  expect(await contour.check({ accepted: acceptedOf(bodies) })).toEqual([]);
  expect(await outOfOrder()).toBe(0);
});

test('every shard has one reader, and both workers have two', async () => {
  const owners = async () => {
    const counts = new Map<string | null, number>();
    for (const owner of await streamOwners(contour.redis.url))
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
    return (
      [...counts].every(([owner, count]) => owner !== null && count === 2) && counts.size === 2
    );
  };
  await waitFor('two shards for each', owners);
});

test('a repeat is a duplicate, by stream, job or HTTP', async () => {
  const [body] = bodiesOf(1, 1);
  if (body === undefined) throw new Error('no body');
  await addToStreams(contour.redis.url, [body, body, body]);
  await done();
  const { rows } = await contour.database.pool.query('select 1 from messages where id = $1', [
    idsOf([body])[0],
  ]);
  expect(rows).toHaveLength(1);
});

test('a credential in an entry is removed from Redis when it is read, and from its disk by a rewrite', async () => {
  const { vk } = tenant.accounts;
  await addToStreams(contour.redis.url, [messageTo(vk, { meta: { copy: vk.credential } })]);
  await done();
  await rewriteAof(contour.redis.url);
  expect(await contour.check({ accepted: [] })).toEqual([]);
});

test('bad entries among good ones go to the dead-letter queue, each with its reason', async () => {
  const good = bodiesOf(40, 5);
  const stream = streamOf(good[0] ?? {});
  const { telegram } = tenant.accounts;
  const valid = withFingerprint(messageTo(telegram), telegram);
  const unknown = { ...valid, account_fingerprint: 'e'.repeat(64), message_ids: ['unknown'] };
  const bad: Array<[(string | number)[], string, RegExp]> = [
    [['other', '{}'], 'invalid', /message is required/],
    [['message', '{"channel":'], 'invalid', /must be JSON/],
    [['message', '[]'], 'invalid', /must be a JSON object/],
    [['message', '{"channel":"fax"}'], 'invalid', /channel/],
    [
      ['message', JSON.stringify({ ...valid, text: 'x'.repeat(1 << 20) })],
      'invalid',
      /at most 262144 bytes/,
    ],
    [['message', JSON.stringify(unknown)], 'unknown_tenant', /no tenant/],
  ];
  for (const [fields] of bad) await redis('XADD', stream, '*', ...fields);
  await withRedis(contour.redis.url, async (run) => {
    // Not UTF-8: only a script of Redis can write that here.
    await run(
      'EVAL',
      "redis.call('XADD', KEYS[1], '*', 'message', '{\"a\":\"\\255\\254\"}')",
      1,
      stream,
    );
  });
  await addToStreams(contour.redis.url, good);
  await done();
  const entries = await contour.dlq();
  const seen = entries.map(({ reason, error }) => `${reason} ${error?.message}`);
  for (const [, reason, text] of [...bad, [[], 'invalid', /must be UTF-8/] as const]) {
    expect(seen.filter((one) => one.startsWith(reason) && text.test(one))).toHaveLength(1);
  }
  expect(entries).toHaveLength(bad.length + 1);
  const kept = entries.filter(({ error }) => /256|262144|UTF-8/.test(error?.message ?? ''));
  // Too large, and not UTF-8: the readable part is in the entry, to be inspected and mended.
  expect(kept.map(({ message }) => message)).toEqual(
    expect.arrayContaining([{ a: '\ufffd\ufffd' }, expect.stringMatching(/^\(\d+ characters\)$/)]),
  );
  for (const { error } of entries.filter((one) => one.reason === 'invalid')) {
    expect(error?.message).toMatch(/\(entry \d+-\d+ of contour:resolve:\d\)$/);
  }
  expect(await contour.check({ accepted: acceptedOf(good) })).toEqual([]);
});

test('workers recover from a destroyed group, a deleted stream and a wiped Redis', async () => {
  const rounds: Array<(string | number)[]> = [
    ['XGROUP', 'DESTROY', 'contour:resolve:0', 'contour'],
    ['DEL', 'contour:resolve:0', 'contour:resolve:1', 'contour:resolve:2', 'contour:resolve:3'],
    ['FLUSHALL'],
  ];
  for (const harm of rounds) {
    await redis(...harm);
    const bodies = bodiesOf(100, 10);
    await addToStreams(contour.redis.url, bodies);
    await done();
    expect(await contour.check({ accepted: acceptedOf(bodies), dlq: async () => [] })).toEqual([]);
  }
});

test('unread entries that were trimmed away are counted and logged', async () => {
  const bodies = bodiesOf(1_200, 1);
  const stream = streamOf(bodies[0] ?? {});
  const told = () =>
    logged<{ entries: number }>(contour.workers, 'stream.lost').reduce(
      (sum, { entries }) => sum + entries,
      0,
    );
  const before = told();
  await withRedis(contour.redis.url, async (run) => {
    await run('MULTI');
    for (const body of bodies) await run('XADD', stream, '*', 'message', JSON.stringify(body));
    await run('XTRIM', stream, 'MAXLEN', 200);
    await run('EXEC');
  });
  await done();
  await waitFor('the loss to be logged', () => told() - before === 1_000);
  const { rows } = await contour.database.pool.query('select 1 from messages where id = any($1)', [
    idsOf(bodies),
  ]);
  expect(rows).toHaveLength(200);
});

test('an entry that killed every worker that read it is parked, and the next one is resolved', async () => {
  const [bad, good] = bodiesOf(2, 1);
  if (bad === undefined || good === undefined) throw new Error('no bodies');
  const stream = streamOf(bad);
  await withRedis(contour.redis.url, async (run) => {
    // No worker reads while the shard seems to have another owner.
    await run('SET', `${stream}:owner`, 'another', 'PX', 3_000);
    const id = await run('XADD', stream, '*', 'message', JSON.stringify(bad));
    await run('XADD', stream, '*', 'message', JSON.stringify(good));
    await run('XREADGROUP', 'GROUP', 'contour', 'owner', 'COUNT', 1, 'STREAMS', stream, '>');
    await run('XCLAIM', stream, 'contour', 'owner', 0, String(id), 'RETRYCOUNT', 9, 'JUSTID');
  });
  await done();
  const [badId, goodId] = idsOf([bad, good]);
  const entry = (await contour.dlq()).find(({ id }) => id === badId);
  expect(entry).toMatchObject({
    reason: 'stalled',
    error: { message: expect.stringMatching(/handed out \d+ times/) },
  });
  expect(await contour.check({ accepted: [{ messageId: goodId ?? '', answer: null }] })).toEqual(
    [],
  );
});

test('lag, pending entries, owner and losses of each shard can be read', async () => {
  const producer = createProducer({ redisUrl: contour.redis.url, onError: () => undefined });
  onTestFinished(() => producer.close());
  const facts = () => producer.streamFacts(STREAM_SHARDS);
  expect(await facts()).toMatchObject(
    Array.from({ length: STREAM_SHARDS }, (_, shard) => ({ shard, length: 0, pending: 0, lag: 0 })),
  );
  expect((await facts()).every(({ owner }) => owner !== null)).toBe(true);
  const [body] = bodiesOf(1, 1);
  const stream = streamOf(body ?? {});
  await redis('SET', `${stream}:owner`, 'another', 'PX', 2_000);
  for (let n = 0; n < 3; n += 1) await redis('XADD', stream, '*', 'message', JSON.stringify(body));
  await redis('XREADGROUP', 'GROUP', 'contour', 'owner', 'COUNT', 1, 'STREAMS', stream, '>');
  const shard = Number(stream.split(':').at(-1));
  expect((await facts())[shard]).toMatchObject({ length: 3, pending: 1, lag: 2, owner: 'another' });
  await done();
});
