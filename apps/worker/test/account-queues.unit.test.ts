import { AppError, type IncomingMessage } from '@contour/contract';
import type { Ending } from '@contour/store/resolve';
import { expect, test } from 'vitest';
import { createAccountQueues } from '../src/resolve/account-queues.ts';
import { createSuspects } from '../src/resolve/failures.ts';

const messageOf = (account: string, messageId = '') =>
  ({ channel: 'telegram', fingerprint: account, messageId }) as IncomingMessage;

/** Queues over a resolver whose batches wait until the test ends them. */
function openQueues(suspected: readonly string[] = [], concurrency = 100) {
  const suspects = createSuspects();
  for (const account of suspected) suspects.note(`telegram:${account}`);
  const batches: Array<{ account: string; ids: string[]; end: () => void }> = [];
  const queues = createAccountQueues({
    suspects,
    concurrency,
    resolve: (messages) =>
      new Promise((resolve) => {
        batches.push({
          account: messages[0]?.fingerprint ?? '',
          ids: messages.map(({ messageId }) => messageId),
          end: () => resolve(messages.map(() => ({ kind: 'resolved' }) as Ending)),
        });
      }),
  });
  const inHand = () => batches.map(({ account }) => account);
  return { queues, batches, inHand };
}

const turn = () => new Promise(setImmediate);

const isNotTried = (ending: Ending) => ending instanceof AppError && ending.code === 'not_tried';

test('the messages of an account are resolved in their order, one batch at a time', async () => {
  const { queues, batches } = openQueues();
  const ends = [queues.push(messageOf('a', '1'))];
  await turn();
  ends.push(queues.push(messageOf('a', '2')), queues.push(messageOf('a', '3')));
  await turn();
  expect(batches.map(({ ids }) => ids)).toEqual([['1']]);
  batches[0]?.end();
  await ends[0];
  expect(batches.map(({ ids }) => ids)).toEqual([['1'], ['2', '3']]);
  batches[1]?.end();
  await Promise.all(ends);
});

test('an account is apart while it has a message in hand, or is a suspect', async () => {
  const { queues, batches } = openQueues(['suspect']);
  const isApart = (account: string) => queues.isApart(messageOf(account));
  expect([isApart('suspect'), isApart('a')]).toEqual([true, false]);
  const end = queues.push(messageOf('a'));
  expect(isApart('a')).toBe(true);
  await turn();
  batches[0]?.end();
  await end;
  expect(isApart('a')).toBe(false);
});

test('suspects have two connections, and the other accounts three of their own', async () => {
  const { queues, inHand } = openQueues(['s1', 's2', 's3']);
  for (const account of ['s1', 's2', 's3', 'a', 'b', 'c', 'd'])
    void queues.push(messageOf(account));
  await turn();
  expect(inHand().toSorted()).toEqual(['a', 'b', 'c', 's1', 's2']);
});

test('a suspect may have a quarter of the messages in hand, and all suspects together a half', async () => {
  const { queues } = openQueues(['s1', 's2', 's3'], 40);
  const refused: string[] = [];
  for (const account of ['s1', 's2', 's3', 'a']) {
    for (let n = 0; n < 12; n += 1) {
      void queues.push(messageOf(account)).then((ending) => {
        if (isNotTried(ending)) refused.push(account);
      });
    }
  }
  await turn();
  const count = (account: string) => refused.filter((one) => one === account).length;
  expect(['s1', 's2', 's3', 'a'].map(count)).toEqual([2, 2, 12, 0]);
});
