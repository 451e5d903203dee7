import { AppError, type IncomingMessage, type Outcome } from '@contour/contract';
import type { Ending } from '@contour/store/resolve';
import { beforeEach, expect, test } from 'vitest';
import {
  createAccountQueues,
  createHeldMessages,
  createJudge,
  createSuspects,
  untilItWorks,
} from '../src/failures.ts';

let now = 0;
beforeEach(() => {
  now = 100_000;
});

const from = (account: string) =>
  ({ channel: 'telegram', fingerprint: account }) as unknown as IncomingMessage;
const resolved = { kind: 'resolved', receipt: {} } as Outcome;
const refused: Outcome = { kind: 'invalid', faults: [] };
const failing = (code: AppError['code']) => new AppError(code, 'no', undefined);

function scene() {
  const suspects = createSuspects(() => now);
  const judge = createJudge(suspects, () => now);
  const told = (...pairs: Array<[string, Ending]>) =>
    judge(
      pairs.map(([account]) => from(account)),
      pairs.map(([, ending]) => ending),
    ).map((ending) => ('kind' in ending ? ending.kind : ending.code));
  const isSuspect = (account: string) => suspects.has(`telegram:${account}`);
  return { told, isSuspect };
}

test('a lock counts against its message while others are stored', () => {
  const { told, isSuspect } = scene();
  expect(told(['a', failing('postgres_busy')], ['b', resolved])).toEqual([
    'postgres_busy',
    'resolved',
  ]);
  expect([isSuspect('a'), isSuspect('b')]).toEqual([true, false]);
});

test('a lock counts against no message when nothing has been stored for seconds', () => {
  const { told, isSuspect } = scene();
  told(['b', resolved]);
  expect(told(['a', failing('postgres_busy')])).toEqual(['postgres_busy']);
  now += 5_001;
  const endings = told(['a', failing('postgres_busy')], ['a', failing('not_tried')]);
  expect(endings).toEqual(['postgres_unavailable', 'not_tried']);
  expect(isSuspect('a')).toBe(false);
});

test('an account is suspected for 45 s after its last failure', () => {
  const { told, isSuspect } = scene();
  told(['a', refused], ['b', failing('unexpected')], ['c', failing('not_tried')]);
  expect([isSuspect('a'), isSuspect('b'), isSuspect('c')]).toEqual([true, true, false]);
  now += 44_000;
  told(['a', refused]);
  now += 2_000;
  expect([isSuspect('a'), isSuspect('b')]).toEqual([true, false]);
});

test('a thousand accounts are suspected at most', () => {
  const { told, isSuspect } = scene();
  for (let n = 0; n <= 1_000; n += 1) told([`${n}`, refused]);
  expect([isSuspect('0'), isSuspect('1'), isSuspect('1000')]).toEqual([false, true, true]);
});

test('a message and its duplicate wait for the next try; the same ids with another content do not', () => {
  now = 0;
  const held = createHeldMessages(() => now);
  const message = { messageId: 'm', contentHash: 'h' };
  expect(held.leftMs(message)).toBe(0);
  held.hold(message, 2_000);
  now = 500;
  expect(held.leftMs({ ...message })).toBe(1_500);
  expect(held.leftMs({ ...message, contentHash: 'other' })).toBe(0);
  now = 2_000;
  expect(held.leftMs(message)).toBe(0);
});

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

const away = () => new AppError('postgres_unavailable', 'away', undefined);

test('tries again while a server is away', async () => {
  const failures: string[] = [];
  const answers = [away(), away(), 'here'];
  const work = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const onFailure = (error: AppError) => void failures.push(error.message);
  const stopping = new AbortController().signal;
  expect(await untilItWorks(work, { stopping, onFailure })).toBe('here');
  expect(failures).toEqual(['away', 'away']);
});

test('gives up at once when the process is to stop', async () => {
  const stop = new AbortController();
  const work = () => Promise.reject(away());
  const waiting = untilItWorks(work, { stopping: stop.signal, onFailure: () => stop.abort() });
  await expect(waiting).rejects.toThrow('away');
});

test('does not repeat work that failed for another reason', async () => {
  let tries = 0;
  const work = async () => {
    tries += 1;
    throw new TypeError('a bug');
  };
  const stopping = new AbortController().signal;
  await expect(untilItWorks(work, { stopping, onFailure: () => undefined })).rejects.toThrow(
    'a bug',
  );
  expect(tries).toBe(1);
});
