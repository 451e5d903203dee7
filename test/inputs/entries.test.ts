import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idOf } from '../support/messages.ts';
import { withRedis } from '../support/redis-client.ts';
import { STREAM_SHARDS, streamOf } from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Inputs, startInputs } from './inputs.ts';
import { BAD_ENTRIES, ODD_ENTRIES } from './tables/entries.ts';
import { BAD_JOBS } from './tables/jobs.ts';

let inputs: Inputs;
let queue: Queue;
let rowsBefore: unknown;
beforeAll(async () => {
  inputs = await startInputs();
  queue = new Queue('resolve', { connection: { url: inputs.contour.redis.url } });
  rowsBefore = await inputs.rows();
});
afterAll(async () => {
  await queue?.close();
  await inputs?.contour.close();
});

const valid = () => JSON.stringify(inputs.message());

const add = (stream: string, fields: readonly (string | Buffer)[]) =>
  withRedis(inputs.contour.redis.url, (redis) =>
    redis('XADD', stream, '*', ...fields.map((field) => inputs.filled(field))),
  );

const streamsEnd = () => waitFor('the streams to be empty', inputs.streamsAreEmpty);

const jobsEnd = () =>
  waitFor('the jobs', async () => {
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
    return Object.values(counts).every((count) => count === 0);
  });

describe('an unreadable message', () => {
  test('is parked with its fault, from a stream', async () => {
    const ids: string[] = [];
    for (const [, entry] of BAD_ENTRIES) {
      ids.push(String(await add('contour:resolve:0', entry(valid()))));
    }
    await streamsEnd();
    const letters = await inputs.contour.dlq();
    expect(letters).toHaveLength(BAD_ENTRIES.length);
    for (const [index, [what, , says]] of BAD_ENTRIES.entries()) {
      const letter = letters.find(({ error }) => error?.message.includes(`entry ${ids[index]} of`));
      expect(letter, what).toMatchObject({ reason: 'invalid' });
      expect(letter?.error?.message, what).toMatch(says);
    }
  });

  test('is parked with its fault, from a job', async () => {
    const known = new Set((await inputs.contour.dlq()).map(({ id }) => id));
    for (const [, data] of BAD_JOBS) {
      const json = JSON.stringify(data(inputs.message()));
      await queue.add('resolve', json === undefined ? undefined : JSON.parse(inputs.filled(json)));
    }
    await jobsEnd();
    const letters = (await inputs.contour.dlq()).filter(({ id }) => !known.has(id));
    expect(letters.map(({ reason }) => reason)).toEqual(BAD_JOBS.map(() => 'invalid'));
    for (const [what, , says] of BAD_JOBS) {
      const isSaid = letters.some(({ error }) => says.test(error?.message ?? ''));
      expect(isSaid, what).toBe(true);
    }
  });

  test('is parked, too, from a job without JSON or without data', async () => {
    const known = new Set((await inputs.contour.dlq()).map(({ id }) => id));
    for (const jobId of ['broken', 'empty']) {
      await queue.add('resolve', {}, { jobId, delay: 200 });
    }
    await withRedis(inputs.contour.redis.url, async (redis) => {
      await redis('HSET', 'bull:resolve:broken', 'data', inputs.filled('{"bot_token":"{token}"'));
      await redis('HDEL', 'bull:resolve:empty', 'data');
    });
    await jobsEnd();
    const letters = (await inputs.contour.dlq()).filter(({ id }) => !known.has(id));
    expect(letters.map(({ reason }) => reason)).toEqual(['invalid', 'invalid']);
  });

  test('is stored nowhere else', async () => {
    expect(await inputs.rows()).toEqual(rowsBefore);
  });
});

describe('an unusual entry', () => {
  test('is resolved, from any shard', async () => {
    const bodies = [...ODD_ENTRIES.map(() => inputs.message()), inputs.message()];
    for (const [index, [, entry]] of ODD_ENTRIES.entries()) {
      const body = bodies[index] ?? {};
      await add(streamOf(body), entry(JSON.stringify(body)));
    }
    const last = bodies.at(-1) ?? {};
    const shard = (Number(streamOf(last).split(':').at(-1)) + 1) % STREAM_SHARDS;
    await add(`contour:resolve:${shard}`, ['message', JSON.stringify(last)]);
    await streamsEnd();
    inputs.accepted.push(...bodies.map((body) => ({ messageId: idOf(body), answer: null })));
    expect((await inputs.rows()).messages).toBe(inputs.accepted.length);
  });

  test('is resolved, with any name of its job', async () => {
    const bodies = [inputs.message(), inputs.message(), inputs.message()];
    await queue.add('some other name', bodies[0]);
    await queue.add('resolve', bodies[1], { priority: 7, delay: 1, attempts: 1 });
    await queue.add('resolve', { ...bodies[2], v: 1, reply: 5 });
    await jobsEnd();
    inputs.accepted.push(...bodies.map((body) => ({ messageId: idOf(body), answer: null })));
    expect((await inputs.rows()).messages).toBe(inputs.accepted.length);
  });
});

test('no credential is left, and the service is healthy', async () => {
  expect(await inputs.check()).toEqual([]);
});
