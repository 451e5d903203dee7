import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startContour } from '../support/contour.ts';
import { type Body, idOf, messagesOf } from '../support/messages.ts';
import { withRedis } from '../support/redis-client.ts';
import { addToStreams, STREAM_SHARDS, withFingerprint } from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';

const ENTRIES = 4_000;
const AT_ONCE = 100;
const PAUSE_MS = 150;
const TRIMMED_AT = 1_600;
const RESTARTED_AT = 2_400;
const DELETED_AT = 3_200;

const streams = Array.from({ length: STREAM_SHARDS }, (_, shard) => `contour:resolve:${shard}`);

test('groups destroyed, Redis restarted, streams trimmed and deleted under load: it heals, and tells what was lost', async () => {
  const contour = await startContour({ workers: 2 });
  onTestFinished(() => contour.close());
  const { telegram } = (await contour.addTenant()).accounts;
  const bodies = [...messagesOf(telegram, { count: ENTRIES, chats: 100 })];
  const onAll = (...[name = '', ...rest]: string[]) =>
    withRedis(contour.redis.url, async (run) => {
      for (const stream of streams) await run(name, stream, ...rest);
    });
  /** Four at once with the trimming, so that at least three of them are lost for certain. */
  const trim = () =>
    withRedis(contour.redis.url, async (run) => {
      await run('MULTI');
      for (const stream of streams) {
        for (let n = 0; n < 4; n += 1) await run('XADD', stream, '*', 'message', '{}');
        await run('XTRIM', stream, 'MAXLEN', '1');
      }
      await run('EXEC');
    });
  const harms: Record<number, () => Promise<unknown>> = {
    800: () =>
      withRedis(contour.redis.url, async (run) => {
        for (const stream of streams) await run('XGROUP', 'DESTROY', stream, 'contour');
      }),
    [TRIMMED_AT]: trim,
    [RESTARTED_AT]: async () => {
      await contour.redis.stop();
      await contour.redis.start();
    },
    [DELETED_AT]: () => onAll('DEL'),
  };
  /** A batch that was cut off is written again: the ledger knows what came twice. */
  const write = (some: readonly Body[]) =>
    waitFor(
      'Redis to take a batch',
      () =>
        addToStreams(
          contour.redis.url,
          some.map((body) => withFingerprint(body, telegram)),
        ).then(() => true),
      { deadlineMs: 20_000, everyMs: 200 },
    );
  const isEmpty = () =>
    withRedis(contour.redis.url, async (run) => {
      const lengths = [];
      for (const stream of streams) lengths.push(Number(await run('XLEN', stream)));
      return lengths.every((length) => length === 0);
    });
  const writeAll = async (from: number, to: number) => {
    for (let at = from; at < to; at += AT_ONCE) {
      // Harm comes right after a batch was written, when most of it is unread.
      await write(bodies.slice(at, at + AT_ONCE));
      await harms[at]?.();
      await delay(PAUSE_MS);
    }
    await waitFor('the streams to be empty', isEmpty, { deadlineMs: 30_000, everyMs: 100 });
  };
  const ledger = async () => {
    const { rows } = await contour.database.pool.query<{ id: string }>('select id from messages');
    return new Set(rows.map(({ id }) => id));
  };
  const told = () =>
    contour.workers
      .flatMap((worker) => worker.output().split('\n'))
      .filter((line) => line.includes('stream.lost'))
      .map((line) => JSON.parse(line) as { entries: number; stream_deleted: boolean });
  const toldEntries = () => told().reduce((sum, { entries }) => sum + entries, 0);

  // What was in hand when the group went is done before anything is trimmed.
  await writeAll(0, TRIMMED_AT);
  await writeAll(TRIMMED_AT, RESTARTED_AT);
  const lost = STREAM_SHARDS * 3 + RESTARTED_AT - (await ledger()).size;
  await waitFor('all that was lost to be told', () => toldEntries() >= lost);
  expect(toldEntries()).toBe(lost);
  expect(told().some((loss) => loss.stream_deleted)).toBe(false);

  await writeAll(RESTARTED_AT, DELETED_AT);
  await writeAll(DELETED_AT, ENTRIES);
  const deletions = () => told().filter((loss) => loss.stream_deleted).length;
  await waitFor('each deletion to be told', () => deletions() === STREAM_SHARDS);
  const accepted = await ledger();
  for (const body of bodies.slice(DELETED_AT + AT_ONCE)) expect(accepted).toContain(idOf(body));

  expect(
    await contour.check({
      accepted: [...accepted].map((messageId) => ({ messageId, answer: null })),
      sent: new Set(bodies.map(idOf)),
    }),
  ).toEqual([]);
}, 180_000);
