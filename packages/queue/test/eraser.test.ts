import { expect, test } from 'vitest';
import { message, resolveJobOf } from '../../../test/support/samples.ts';
import { createEraser, createProducer } from '../src/index.ts';
import { ownRedis } from './redis.ts';

const own = ownRedis();

const options = () => ({ redisUrl: own.server.url, onError: own.onError });
const openEraser = () => own.closing(createEraser(options()));

const judge = (text: string) =>
  text.includes('theirs') ? 'theirs' : text.includes('unclear') ? 'unclear' : 'others';

test('erasing a job removes its note, too', async () => {
  const producer = own.closing(createProducer(options()));
  const [theirs, unclear, others] = ['theirs', 'unclear', 'others'].map((text) =>
    message({ text }),
  ) as [ReturnType<typeof message>, ReturnType<typeof message>, ReturnType<typeof message>];
  for (const sent of [theirs, unclear, others]) {
    await producer.addResolve([resolveJobOf(sent)]);
    await producer.noteQueued(sent);
  }
  const eraser = openEraser();
  const looked = await eraser.jobs(judge, false);
  expect(looked).toMatchObject({ found: 1, removed: 0 });
  expect(await producer.findQueued(theirs.messageId)).not.toBeNull();

  const erased = await eraser.jobs(judge, true);
  expect(erased).toEqual({ found: 1, removed: 1, unclear: looked.unclear });
  expect(erased.unclear).toHaveLength(1);
  expect(await own.client.exists(`bull:resolve:${erased.unclear[0]}`)).toBe(1);
  expect(await producer.findQueued(theirs.messageId)).toBeNull();
  expect(await producer.findQueued(unclear.messageId)).not.toBeNull();
  expect(await producer.findQueued(others.messageId)).not.toBeNull();
});

test('stream entries are removed, and unclear ones are listed with their stream', async () => {
  const [, unclear] = [
    await own.client.xadd('contour:resolve:1', '*', 'message', 'theirs'),
    await own.client.xadd('contour:resolve:1', '*', 'message', 'unclear'),
    await own.client.xadd('contour:resolve:1', '*', 'message', 'others'),
  ];
  const found = await openEraser().streamEntries(judge, true);
  expect(found).toEqual({ found: 1, removed: 1, unclear: [`contour:resolve:1 ${unclear}`] });
  expect(await own.client.xlen('contour:resolve:1')).toBe(2);
});

test('the note of an erasure exists until the erasure ends', async () => {
  const eraser = openEraser();
  expect(await eraser.begun('one')).toBeNull();
  await eraser.begin('one', 'who');
  expect(await eraser.begun('one')).toBe('who');
  expect(await own.client.ttl('contour:erasing:one')).toBeGreaterThan(0);
  await eraser.end('one');
  expect(await own.client.keys('contour:*')).toEqual([]);
});
