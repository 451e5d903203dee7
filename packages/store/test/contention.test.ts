import { receiptBody } from '@contour/contract';
import { expect, it } from 'vitest';
import type { Arrival } from '../src/index.ts';
import { arrival, type Bundle, openBundle } from './bundle.ts';

/** The same numbers on every run, so that a failure can be looked at again. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

function randomBatches({ tenant }: Bundle, count: number): Arrival[][] {
  const random = randomNumbers(42);
  return Array.from({ length: count }, () =>
    Array.from({ length: 16 }, () => {
      const id = random(2_000);
      const phone = random(2) === 0 ? null : `+7999000${1_000 + random(20)}`;
      return arrival(tenant, {
        external_chat_id: `chat ${id % 40}`,
        message_ids: [`contended ${id}`],
        client_phone: phone,
        client_name: random(2) === 0 ? null : 'A name',
      });
    }),
  );
}

const VIOLATIONS = {
  'a client without an identity': `clients c where not exists (
     select from client_channels i where i.tenant_id = c.tenant_id and i.client_id = c.id)`,
  'a dialog without a message': 'dialogs where last_seq = 0',
  'two open dialogs of one client': `(select 1 from dialogs where status_id in (1, 2)
     group by tenant_id, client_id, channel_account_id having count(*) > 1) x`,
  'a gap': `(select 1 from messages group by dialog_id having count(*) <> max(seq) or min(seq) <> 1) x`,
  'a dialog that counts wrong': `dialogs d where last_seq <>
     (select max(seq) from messages m where m.dialog_id = d.id)`,
  'a message without a lane': `messages m where not exists (
     select from lanes l where l.dialog_id = m.dialog_id and l.last_seq >= m.seq)`,
};

it('keeps every promise while eight batches at once compete for few chats and phones', async () => {
  const bundle = await openBundle();
  const batches = randomBatches(bundle, 150);
  const queue = [...batches, ...batches.filter((_, index) => index % 5 === 0)];
  const answers = new Map<string, Set<string>>();

  const work = async () => {
    for (let batch = queue.shift(); batch; batch = queue.shift()) {
      const { outcomes } = await bundle.resolve(...batch);
      for (const [index, outcome] of outcomes.entries()) {
        const id = batch[index]?.message.messageId ?? '';
        const answer =
          'receipt' in outcome ? receiptBody(outcome.receipt) : JSON.stringify(outcome);
        answers.set(id, (answers.get(id) ?? new Set()).add(answer));
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));

  const distinct = new Set(batches.flat().map((a) => a.message.messageId)).size;
  expect(answers.size).toBe(distinct);
  expect([...answers.values()].filter((set) => set.size > 1)).toEqual([]);
  expect(await bundle.count('messages')).toBe(distinct);
  for (const [what, sql] of Object.entries(VIOLATIONS))
    expect(await bundle.count(sql), what).toBe(0);
}, 60_000);
