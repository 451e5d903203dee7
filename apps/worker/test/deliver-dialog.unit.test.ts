import type { PushResult } from '@contour/core';
import type { PendingMessage } from '@contour/store/lanes';
import { expect, test } from 'vitest';
import { deliverDialog } from '../src/deliver/deliver-dialog.ts';
import type { DialogPart } from '../src/deliver/settler.ts';
import { observers } from '../src/observers.ts';
import { silent } from './unheard.ts';

const LANE = { tenantId: 'tenant', dialogId: 'dialog', version: '7' };

const messageOf = (seq: number, over: Partial<PendingMessage> = {}): PendingMessage => ({
  ...{ tenantId: 'tenant', dialogId: 'dialog', messageId: `message ${seq}`, traceId: 'trace' },
  ...{ traceParent: null, seq, attempts: 0, attemptsBefore: 0, lastError: null },
  ...{ receivedAt: new Date(), payload: '{}', ...over },
});

const DELIVERED: PushResult = { outcome: 'delivered', status: 200, ms: 1 };

/** Delivers these messages to a Core that gives these answers, and notes what is written and reported. */
async function deliver(
  messages: readonly PendingMessage[],
  answers: readonly PushResult[],
  over: { hasMore?: boolean; mustStop?: () => boolean } = {},
) {
  const parts: DialogPart[] = [];
  const mayWait: boolean[] = [];
  const events: string[] = [];
  const pushed: string[] = [];
  const end = await deliverDialog(
    {
      core: {
        async push({ messageId }) {
          pushed.push(messageId);
          return answers[pushed.length - 1] ?? DELIVERED;
        },
      },
      async settle(part, how) {
        parts.push(part);
        mayWait.push(how?.mayWait ?? false);
      },
      logger: silent,
      observer: observers({
        answered: ({ tenantId }, { outcome }) => events.push(`${tenantId} ${outcome}`),
        delivered: () => events.push('delivered'),
        retried: (_message, code) => events.push(`retried ${code}`),
        dead: (_message, reason) => events.push(`dead ${reason}`),
      }),
      tracer: undefined,
      mustStop: over.mustStop ?? (() => false),
      maxAttempts: 5,
      retryDelayMs: (attempt, retryAfterMs) => retryAfterMs ?? attempt * 1_000,
    },
    LANE,
    messages,
    over.hasMore ?? false,
  );
  return { end, parts, mayWait, events, pushed };
}

const MESSAGES = [1, 2, 3, 4, 5].map((seq) => messageOf(seq));

test('marks of a dialog that goes on may wait for each other, and the last waits for nothing', async () => {
  const { end, parts, mayWait } = await deliver(MESSAGES, []);
  expect(end).toBe('worked_off');
  expect(mayWait).toEqual([true, true, true, true, false]);
  expect(parts.flatMap(({ attempts = [] }) => attempts.map(({ status }) => status))).toEqual(
    MESSAGES.map(() => 'delivered'),
  );
});

test('the lane is removed with the mark of its last message, unless it has more', async () => {
  const emptied = async (hasMore: boolean) =>
    (await deliver(MESSAGES, [], { hasMore })).parts.map((part) => part.emptied?.length);
  expect(await emptied(false)).toEqual([0, 0, 0, 0, 1]);
  expect(await emptied(true)).toEqual([0, 0, 0, 0, 0]);
});

test('a lane without messages is removed', async () => {
  const { end, parts } = await deliver([], []);
  expect(end).toBe('worked_off');
  expect(parts).toEqual([{ dialogId: 'dialog', emptied: [LANE] }]);
});

test('a failure that may pass is retried later, and the messages behind it wait', async () => {
  const { end, parts, events, pushed } = await deliver(MESSAGES, [
    DELIVERED,
    { outcome: 'retry', code: 'http_503', status: 503, ms: 4, retryAfterMs: 9_000 },
  ]);
  expect(end).toBe('postponed');
  expect(pushed).toEqual(['message 1', 'message 2']);
  expect(parts[1]).toMatchObject({
    attempts: [{ messageId: 'message 2', status: 'pending', error: { code: 'http_503', ms: 4 } }],
    postponed: [{ lane: LANE, delayMs: 9_000 }],
  });
  expect(events).toEqual(['tenant delivered', 'delivered', 'tenant retry', 'retried http_503']);
});

test('a message is dead after its last attempt, and the messages behind it continue', async () => {
  const tried = messageOf(1, { attempts: 6, attemptsBefore: 2 });
  const failure: PushResult = { outcome: 'retry', code: 'timeout', ms: 4, detail: 'no answer' };
  const { end, parts, events } = await deliver([tried, messageOf(2)], [failure]);
  expect(end).toBe('worked_off');
  expect(parts[0]?.attempts).toMatchObject([
    { status: 'dead', death: { reason: 'core_exhausted', message: 'no answer' } },
  ]);
  expect(events.slice(0, 2)).toEqual(['tenant retry', 'dead core_exhausted']);
});

test('a message that was replayed has all its attempts again', async () => {
  const replayed = messageOf(1, { attempts: 9, attemptsBefore: 5 });
  const failure: PushResult = { outcome: 'retry', code: 'network', ms: 4 };
  expect((await deliver([replayed], [failure])).end).toBe('worked_off');
  const once = messageOf(1, { attempts: 8, attemptsBefore: 5 });
  const { parts } = await deliver([once], [failure]);
  expect(parts).toMatchObject([{ postponed: [{ delayMs: 4_000 }] }]);
});

test('a message that Core refuses is dead at once', async () => {
  const refusal: PushResult = { outcome: 'refused', code: 'http_400', status: 400, ms: 4 };
  const { end, parts } = await deliver([messageOf(1)], [refusal]);
  expect(end).toBe('worked_off');
  expect(parts).toMatchObject([
    {
      attempts: [{ death: { reason: 'core_refused', message: 'Core answered http_400' } }],
      emptied: [LANE],
    },
  ]);
});

test('a postponed message has no attempt written, and the lane waits', async () => {
  const refusal: PushResult = {
    ...{ outcome: 'postponed', code: 'http_401', status: 401, ms: 1, delayMs: 60_000 },
  };
  const { end, parts, events } = await deliver([messageOf(1)], [refusal]);
  expect(end).toBe('postponed');
  expect(parts).toEqual([{ dialogId: 'dialog', postponed: [{ lane: LANE, delayMs: 60_000 }] }]);
  expect(events).toEqual(['tenant postponed']);
});

test.each([
  ['held', 'held'],
  ['aborted', 'left'],
] as const)('a push that is %s writes and reports nothing', async (outcome, expected) => {
  const { end, parts, events } = await deliver(MESSAGES, [{ outcome }]);
  expect([end, parts, events]).toEqual([expected, [], []]);
});

test('a run that must stop sends no further message', async () => {
  let asked = 0;
  const mustStop = () => {
    asked += 1;
    return asked > 2;
  };
  const { end, pushed, mayWait } = await deliver(MESSAGES, [], { mustStop });
  expect(end).toBe('left');
  expect(pushed).toEqual(['message 1']);
  expect(mayWait).toEqual([true]);
});
