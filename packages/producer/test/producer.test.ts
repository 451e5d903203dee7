import { readdir, readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { freePort } from '@contour/local';
import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import { ownRedis } from '../../queue/test/redis.ts';
import {
  createProducer,
  fingerprintOf,
  type Message,
  ProducerError,
  type ProducerOptions,
  shardOf,
  streamKeyOf,
} from '../src/index.ts';

const TOKEN = 'fake-telegram-token';
const own = ownRedis();

const newProducer = (over: Partial<ProducerOptions> = {}) =>
  own.closing(createProducer({ redisUrl: own.server.url, onError: own.onError, ...over }));

const message = (over: Partial<Message> = {}): Message => ({
  channel: 'telegram',
  bot_token: TOKEN,
  external_chat_id: '123456789',
  text: 'hello',
  message_ids: ['m1'],
  media: { url: `https://files.example/${TOKEN}/a.jpg` },
  ...over,
});

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => message({ text: `text ${index}` }));

const textsOf = (messages: Message[]) => messages.map(({ text }) => text);

interface Ending {
  id?: unknown;
  error?: unknown;
  ms: number;
}

async function ending(work: Promise<unknown>): Promise<Ending> {
  const startedAt = performance.now();
  const outcome = await work.then(
    (id) => ({ id }),
    (error: unknown) => ({ error }),
  );
  return { ...outcome, ms: performance.now() - startedAt };
}

const endings = (works: Array<Promise<unknown>>) => Promise.all(works.map(ending));

const STREAM = streamKeyOf(shardOf('telegram', '123456789', 4));

async function entriesOf(key = STREAM) {
  const entries = await own.client.xrange(key, '-', '+');
  return entries.map(([id, fields]) => ({ id, fields, body: JSON.parse(fields[1] ?? '') }));
}

/** The messages without duplicates. */
async function firstTexts() {
  return [...new Set(textsOf((await entriesOf()).map(({ body }) => body)))];
}

async function jobBodies() {
  const ids = await own.client.lrange('bull:resolve:wait', 0, -1);
  const jobs = await Promise.all(
    ids.reverse().map((id) => own.client.hgetall(`bull:resolve:${id}`)),
  );
  return jobs.map(({ name, opts, data }) => ({ name, opts, body: JSON.parse(data ?? '') }));
}

/** The append-only file of Redis, which contains every command. */
async function appendOnlyText() {
  const [, dir = ''] = (await own.client.config('GET', 'dir')) as string[];
  const files = await readdir(dir, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile())
    .map((file) => readFile(`${file.parentPath}/${file.name}`, 'latin1'));
  return (await Promise.all(texts)).join('\n');
}

test('a streamed message is one field in the stream of its chat, and Redis never sees the token', async () => {
  const id = await newProducer().stream(message());
  const entries = await entriesOf();
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({ id, fields: ['message', expect.any(String)] });
  expect(entries[0]?.body).toEqual({
    channel: 'telegram',
    account_fingerprint: fingerprintOf(TOKEN),
    external_chat_id: '123456789',
    text: 'hello',
    message_ids: ['m1'],
    media: { url: 'https://files.example/{credential}/a.jpg' },
  });
  const written = await appendOnlyText();
  expect(written).toContain(fingerprintOf(TOKEN));
  expect(written).not.toContain(TOKEN);
});

test('an enqueued message is a job of the contract, and Redis never sees the token', async () => {
  expect(await newProducer().enqueue(message())).toBeUndefined();
  const jobs = await jobBodies();
  expect(jobs).toHaveLength(1);
  expect(jobs[0]).toMatchObject({
    name: 'resolve',
    body: { channel: 'telegram', account_fingerprint: fingerprintOf(TOKEN), text: 'hello' },
  });
  expect(JSON.parse(jobs[0]?.opts ?? '')).toMatchObject({ removeOnComplete: true });
  expect(await appendOnlyText()).not.toContain(TOKEN);
});

test('chats spread over the given number of streams', async () => {
  const producer = newProducer({ streamShards: 3 });
  const chats = Array.from({ length: 60 }, (_, chat) => message({ external_chat_id: chat }));
  await Promise.all(chats.map((chat) => producer.stream(chat)));
  const keys = (await own.client.keys('contour:resolve:*')).sort();
  expect(keys).toEqual([0, 1, 2].map(streamKeyOf));
  for (const key of keys) {
    for (const { body } of await entriesOf(key)) {
      expect(streamKeyOf(shardOf('telegram', body.external_chat_id, 3))).toBe(key);
    }
  }
});

test('a message that is changed after the call is sent unchanged, in its place', async () => {
  const producer = newProducer();
  const sent = numbered(500);
  const wanted = textsOf(sent);
  const streamed = sent.map((each) => producer.stream(each));
  const enqueued = sent.map((each) => producer.enqueue(each));
  for (const each of sent) each.text = 'changed afterwards';
  const ids = await Promise.all(streamed);
  await Promise.all(enqueued);
  const entries = await entriesOf();
  expect(entries.map(({ id }) => id)).toEqual(ids);
  expect(textsOf(entries.map(({ body }) => body))).toEqual(wanted);
  expect(textsOf((await jobBodies()).map(({ body }) => body))).toEqual(wanted);
});

test('an outage of Redis is a clear error in time, and a full buffer is one at once', async () => {
  const producer = newProducer({ maxBuffered: 3, timeoutMs: 400 });
  await producer.stream(message());
  await own.stop();
  try {
    const ends = await endings([
      producer.stream(message()),
      producer.enqueue(message()),
      producer.stream(message()),
      producer.stream(message()),
      producer.enqueue(message()),
    ]);
    for (const { error, ms } of ends.slice(0, 3)) {
      expect(error).toBeInstanceOf(ProducerError);
      expect(error).toMatchObject({
        code: 'redis_unavailable',
        message: expect.stringContaining('send it again'),
        cause: expect.any(Error),
      });
      expect(ms).toBeGreaterThan(300);
      expect(ms).toBeLessThan(1500);
    }
    for (const { error, ms } of ends.slice(3)) {
      expect(error).toMatchObject({
        code: 'buffer_full',
        message: expect.stringMatching(/^3 messages already wait /),
      });
      expect(ms).toBeLessThan(100);
    }
    expect((await ending(producer.stream(message()))).error).toMatchObject({
      code: 'redis_unavailable',
    });
  } finally {
    await own.start();
  }
});

test('waiting messages arrive in order, each once, when Redis is back in time', async () => {
  const producer = newProducer({ timeoutMs: 20_000 });
  await producer.stream(message({ text: 'before' }));
  await own.stop();
  const sent = numbered(250);
  const waiting = sent.flatMap((each) => [producer.stream(each), producer.enqueue(each)]);
  await own.start();
  await Promise.all(waiting);
  expect(textsOf((await entriesOf()).map(({ body }) => body))).toEqual([
    'before',
    ...textsOf(sent),
  ]);
  expect(textsOf((await jobBodies()).map(({ body }) => body))).toEqual(textsOf(sent));
});

test('a cut connection loses no message and keeps their order', async () => {
  const producer = newProducer({ timeoutMs: 20_000, maxBuffered: 5000 });
  const sent = numbered(3000);
  const streamed = Promise.all(sent.map((each) => producer.stream(each)));
  for (const arrived of [100, 800, 1600]) {
    await waitFor(`${arrived} entries`, async () => (await own.client.xlen(STREAM)) >= arrived, {
      everyMs: 1,
    });
    await own.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  }
  const ids = await streamed;
  // Messages whose answer was lost are in the stream twice, which counts once; the others are in order.
  const answered = new Set(ids);
  const entries = (await entriesOf()).filter(({ id }) => answered.has(id));
  expect(entries.map(({ id }) => id)).toEqual(ids);
  expect(textsOf(entries.map(({ body }) => body))).toEqual(textsOf(sent));
  expect(await firstTexts()).toEqual(textsOf(sent));
});

test('a frozen Redis is an error in time, and is used again later', async () => {
  const producer = newProducer({ timeoutMs: 400 });
  await producer.stream(message());
  process.kill(own.server.pid, 'SIGSTOP');
  try {
    const ends = await endings([producer.stream(message()), producer.enqueue(message())]);
    for (const { error, ms } of ends) {
      expect(error).toMatchObject({ code: 'redis_unavailable' });
      expect(ms).toBeLessThan(1500);
    }
  } finally {
    process.kill(own.server.pid, 'SIGCONT');
  }
  const patient = newProducer({ timeoutMs: 10_000 });
  await Promise.all([patient.stream(message()), patient.enqueue(message())]);
  await expect
    .poll(() => producer.stream(message()).catch(() => ''), { timeout: 10_000 })
    .toMatch('-');
});

test('a stream that Redis refuses does not delay the others', async () => {
  const producer = newProducer({ timeoutMs: 400 });
  const other = message({ external_chat_id: 'other', text: 'passes' });
  const otherKey = streamKeyOf(shardOf('telegram', 'other', 4));
  expect(otherKey).not.toBe(STREAM);
  await own.client.set(STREAM, 'not a stream');
  const ends = await endings([producer.stream(message()), producer.stream(other)]);
  const cause = expect.objectContaining({ message: expect.stringContaining('WRONGTYPE') });
  expect(ends[0]?.error).toMatchObject({ code: 'redis_unavailable', cause });
  expect(inspect(ends[0]?.error, { depth: 10 })).not.toContain('hello');
  expect(ends[1]?.id).toMatch(/^\d+-\d+$/);
  expect(await entriesOf(otherKey)).toHaveLength(1);
});

test('close refuses waiting and later messages at once', async () => {
  const errors: Error[] = [];
  const producer = createProducer({
    redisUrl: `redis://127.0.0.1:${await freePort()}`,
    onError: (error) => errors.push(error),
  });
  const waiting = endings([producer.stream(message()), producer.enqueue(message())]);
  const closing = await ending(producer.close());
  expect(closing.error).toBeUndefined();
  expect(closing.ms).toBeLessThan(500);
  for (const { error } of await waiting) expect(error).toMatchObject({ code: 'closed' });
  await expect(producer.stream(message())).rejects.toMatchObject({ code: 'closed' });
  await expect(producer.enqueue(message())).rejects.toMatchObject({ code: 'closed' });
  await producer.close();
});

test('close waits for the answers to messages under way', async () => {
  const producer = newProducer();
  await producer.stream(message());
  const onItsWay = producer.stream(message());
  await producer.close();
  expect(await onItsWay).toMatch(/^\d+-\d+$/);
});

test('invalid options are refused at once', () => {
  const redisUrl = own.server.url;
  expect(() => createProducer({ redisUrl, streamShards: 0 })).toThrow(RangeError);
  expect(() => createProducer({ redisUrl, maxBuffered: 1.5 })).toThrow('maxBuffered');
  expect(() => createProducer({ redisUrl, timeoutMs: Number.NaN })).toThrow('timeoutMs');
});
