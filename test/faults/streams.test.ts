import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf as messageIdOf, messagesOf } from '../support/messages.ts';
import type { BuiltProcess } from '../support/processes.ts';
import { withRedis } from '../support/redis-client.ts';
import { addToStreams, STREAM_SHARDS, withFingerprint } from '../support/streams.ts';
import { waitFor } from '../support/wait-for.ts';

const ENTRIES = 20_000;
const CHATS = 500;
const AT_ONCE = 500;
/** The entries come in over this time, so that every fault finds some on their way. */
const SPREAD_MS = 40_000;
const FREEZE_MS = 20_000;
const TAKEOVER_MS = 10_000;

const shards = Array.from({ length: STREAM_SHARDS }, (_, shard) => shard);

const owners = ({ redis }: Contour) =>
  withRedis(redis.url, (run) =>
    run('MGET', ...shards.map((s) => `contour:resolve:${s}:owner`)),
  ) as Promise<(string | null)[]>;

/** The name under which a worker holds its shards. */
const idOf = (worker: BuiltProcess): string =>
  /"id":"([^"]+)"[^\n]*worker\.started/.exec(worker.output())?.[1] ?? 'not started';

/** How long it takes until those who are still there own all shards. */
async function takenOver(
  contour: Contour,
  survivors: readonly BuiltProcess[],
  harm: () => Promise<void> | void,
): Promise<number> {
  await harm();
  const since = Date.now();
  const alive = survivors.map(idOf);
  const isTaken = async () =>
    (await owners(contour)).every((owner) => owner !== null && alive.includes(owner));
  await waitFor('other owners', isTaken, { deadlineMs: TAKEOVER_MS, everyMs: 50 });
  return Date.now() - since;
}

test('20 000 entries get through once and in order, while workers die, freeze, revive and come', async () => {
  const contour = await startContour({ workers: 3 });
  onTestFinished(() => contour.close());
  const { telegram } = (await contour.addTenant()).accounts;
  const bodies = [...messagesOf(telegram, { count: ENTRIES, chats: CHATS })];
  const written = (async () => {
    for (let from = 0; from < ENTRIES; from += AT_ONCE) {
      const some = bodies.slice(from, from + AT_ONCE);
      await addToStreams(
        contour.redis.url,
        some.map((body) => withFingerprint(body, telegram)),
      );
      await delay((SPREAD_MS * AT_ONCE) / ENTRIES);
    }
  })();
  const spread = async () => {
    const now = await owners(contour);
    return new Set(now).size === 3 && !now.includes(null);
  };
  await waitFor('three owners', spread);
  const [first, second, third] = contour.workers as [BuiltProcess, BuiltProcess, BuiltProcess];
  const afterFreeze = await takenOver(contour, [first, third], () => second.freeze());
  const frozenAt = Date.now();
  const afterKill = await takenOver(contour, [third], () => first.kill('SIGKILL'));
  await contour.startWorker();
  await delay(Math.max(0, FREEZE_MS - (Date.now() - frozenAt)));
  second.thaw();
  await written;
  console.log(`other owners ${afterFreeze} ms after a freeze, ${afterKill} ms after a kill`);

  const isEmpty = async () => {
    const left = await withRedis(contour.redis.url, async (run) => {
      const lengths: number[] = [];
      for (const shard of shards)
        lengths.push(Number(await run('XLEN', `contour:resolve:${shard}`)));
      return lengths;
    });
    return left.every((length) => length === 0);
  };
  await waitFor('the streams to be empty', isEmpty, { deadlineMs: 60_000, everyMs: 100 });
  await waitFor('three owners again', spread);
  for (const shard of shards) {
    const pending = await withRedis(contour.redis.url, (run) =>
      run('XPENDING', `contour:resolve:${shard}`, 'contour'),
    );
    expect(pending).toMatchObject([0, null, null, null]);
  }
  const accepted = bodies.map((body) => ({ messageId: messageIdOf(body), answer: null }));
  const sent = new Set(accepted.map(({ messageId }) => messageId));
  expect(await contour.check({ accepted, sent, drainMs: 120_000 })).toEqual([]);
  const { rows } = await contour.database.pool.query<{ n: number }>(
    `select count(*)::int as n from (
       select seq, row_number() over (
                partition by dialog_id order by substring(payload->>'text' from '\\d+$')::int) as place
         from messages) m
      where place <> seq`,
  );
  expect(rows).toEqual([{ n: 0 }]);
}, 300_000);
