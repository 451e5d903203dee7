import { AppError, type IncomingMessage, type Outcome } from '@contour/contract';
import type { Ending } from '@contour/store/resolve';
import { beforeEach, expect, test } from 'vitest';
import { createHeldMessages, createJudge, createSuspects } from '../src/resolve/failures.ts';

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
