import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { idOf, messageTo } from '../support/messages.ts';
import { logged } from '../support/processes.ts';
import { slowTest } from '../support/seed.ts';
import { resolve } from '../support/send.ts';
import { storyIn } from '../support/story.ts';
import { waitFor } from '../support/wait-for.ts';

let contour: Contour;
beforeAll(async () => {
  contour = await startContour({ workers: 2, env: { RETENTION_DAYS: '10' } });
});
afterAll(() => contour?.close());

const rowsOf = async <Row extends object>(sql: string, ...values: unknown[]): Promise<Row[]> =>
  (await contour.database.pool.query<Row>(sql, values)).rows;

const age = (ids: readonly string[], days: number) =>
  rowsOf(
    `update messages set received_at = received_at - $2::int * interval '1 day',
            resolved_at = resolved_at - $2::int * interval '1 day',
            delivered_at = delivered_at - $2::int * interval '1 day'
      where id = any($1::uuid[])`,
    ids,
    days,
  );

test('delivered messages older than RETENTION_DAYS are deleted; younger, dead and pending ones stay', async () => {
  const { accounts, id: tenantId } = await contour.addTenant();
  const send = async (text: string, chat = 'chat') => {
    const body = messageTo(accounts.telegram, { external_chat_id: chat, text });
    expect((await resolve(contour.url, body)).status).toBe(200);
    return body;
  };
  const old = await send('old');
  const dead = await send('dead');
  const young = await send('young');
  for (const body of [old, dead, young]) await storyIn(contour, idOf(body), 'delivered');
  const gone = await send('another chat', 'other');
  await storyIn(contour, idOf(gone), 'delivered');
  const [ofOld, ofDead, ofYoung, ofGone] = [idOf(old), idOf(dead), idOf(young), idOf(gone)];
  await rowsOf("update messages set status = 'dead', delivered_at = null where id = $1", ofDead);
  await age([ofDead, ofGone, ofOld], 11);
  await age([ofYoung], 9);

  const left = () =>
    rowsOf<{ id: string }>('select id from messages where tenant_id = $1 order by seq', tenantId);
  await waitFor('two to be gone', async () => (await left()).length === 2, { deadlineMs: 20_000 });
  expect((await left()).map(({ id }) => id)).toEqual([ofDead, ofYoung]);
  // The dialogs stay, also the empty one, and keep counting.
  const dialogs = await rowsOf<{ last_seq: number }>(
    'select last_seq from dialogs where tenant_id = $1 order by last_seq',
    tenantId,
  );
  expect(dialogs).toEqual([{ last_seq: 1 }, { last_seq: 3 }]);
  const isTold = () => contour.workers.some((one) => one.output().includes('"messages.removed"'));
  await waitFor('the log line', isTold);

  // A repeat of a kept message is a duplicate. A repeat of a deleted one is a new message.
  expect((await resolve(contour.url, young)).headers.get('idempotent-replayed')).toBe('true');
  expect((await resolve(contour.url, old)).headers.get('idempotent-replayed')).toBeNull();
  expect(await storyIn(contour, ofOld, 'delivered')).toMatchObject({
    seq: 4,
    is_new_client: false,
  });
});

slowTest(
  'a table of many blocks is swept in parts, each from the end of the one before',
  async () => {
    const { id: tenantId } = await contour.addTenant();
    // 24 MB, four rows in a block: more than one run sweeps.
    await rowsOf(
      `insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id,
                           content_hash, payload, matched_by, is_new_client, is_new_dialog, status,
                           received_at, delivered_at)
     select $1, gen_random_uuid(), $1, $1, 1, n, 'trace', '', to_json(repeat('x', 1500)), 'identity',
            false, false, 'delivered', now(), now() - case when n % 2 = 0 then 20 else 1 end * interval '1 day'
       from generate_series(1, 12000) n`,
      tenantId,
    );
    const left = async () =>
      (
        await rowsOf<{ n: number }>(
          'select count(*)::int as n from messages where tenant_id = $1',
          tenantId,
        )
      )[0]?.n;
    await waitFor('the old half to be gone', async () => (await left()) === 6_000, {
      deadlineMs: 60_000,
      everyMs: 200,
    });
    const removed = () =>
      logged<{ removed: number }>(contour.workers, '"messages.removed"').map(
        (line) => line.removed,
      );
    const total = () => removed().reduce((sum, n) => sum + n, 0);
    // The log line comes a moment after the deletion.
    await waitFor('the log lines of all', () => total() >= 6_002);
    expect(total()).toBe(6_002);
    // A run sweeps at most 1280 blocks. Half of their rows are old.
    expect(Math.max(...removed())).toBeLessThanOrEqual(1280 * 2);
  },
);
