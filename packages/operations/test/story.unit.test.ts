import type { DlqEntry } from '@contour/contract';
import type { Particulars, Story } from '@contour/store/messages';
import { expect, test } from 'vitest';
import { durationText } from '../src/story/events.ts';
import { findMessages, type StorySources } from '../src/story/find-messages.ts';

const ID = '0198c0de-0000-8000-8000-000000000009';

const STORY: Story = {
  ...{ messageId: ID, traceId: 'trace', state: 'pending', tenantId: 'tenant', clientId: 'client' },
  ...{ dialogId: 'dialog', seq: 2, matchedBy: 'identity', isNewClient: false, isNewDialog: false },
  ...{ attempts: 1, lastError: null, receivedAt: '2024-12-10T10:00:00.000Z' },
  ...{ resolvedAt: '2024-12-10T10:00:00.020Z', deliveredAt: null },
  failedAttempts: [{ at: '2024-12-10T10:00:01.000Z', code: 'http_503', ms: 12 }],
};

const PARTICULARS: Particulars = {
  ...{ tenantName: 'A shop', tenantIsActive: true, channel: 'telegram', channelAccountId: 1 },
  ...{ externalChatId: 'chat', writtenAtMs: Date.parse('2024-12-10T09:58:30.000Z'), text: 'hello' },
  attemptsBefore: 0,
};

const PARKED = {
  ...{ id: ID, reason: 'unknown_tenant', stage: 'resolve', tenantId: null, clientId: null },
  ...{ dialogId: null, attempts: 1, receivedAt: '2024-12-10T10:00:00.000Z' },
  ...{ failedAt: '2024-12-10T10:00:00.500Z', raw: null },
  error: { code: 'unknown_tenant', message: 'no tenant has this credential' },
  message: {
    ...{ messageId: ID, traceId: 'trace', channel: 'telegram', externalChatId: 'chat' },
    writtenAtMs: null,
  },
} as DlqEntry;

/** Sources that know only what the test gives them. */
function sourcesWith(known: Partial<StorySources>): StorySources {
  return {
    story: async () => null,
    storiesOfTrace: async () => [],
    particulars: async () => PARTICULARS,
    waiting: async () => null,
    entry: async () => null,
    entriesOfTrace: async () => [],
    former: async () => null,
    queued: async () => null,
    ...known,
  };
}

const find = (known: Partial<StorySources>, id = ID) => findMessages(sourcesWith(known), id);

/** The events of the only message that is found. */
async function eventsOf(known: Partial<StorySources>): Promise<string[]> {
  const [story, ...others] = await find(known);
  expect(others).toEqual([]);
  return (story?.events ?? []).map(({ what, detail }) => `${what}: ${detail}`);
}

test('a delivered message goes from its receipt over a failed attempt to its delivery', async () => {
  const deliveredAt = '2024-12-10T10:00:02.000Z';
  const story = { ...STORY, state: 'delivered' as const, attempts: 2, deliveredAt };
  expect(await eventsOf({ story: async () => story })).toEqual([
    'received: 90.0 s after it was written',
    'resolved: client known by its channel, open dialog, seq 2',
    'attempt failed: attempt 1: http_503 after 12 ms',
    'delivered: attempt 2',
  ]);
});

test('a pending message at the head of its dialog shows its next attempt', async () => {
  const head = { messageId: ID, seq: 2, lastError: 'http_503' };
  const waiting = { dueAt: '2024-12-10T10:00:05.000Z', isDue: true, ahead: 0, head };
  const events = await eventsOf({ story: async () => STORY, waiting: async () => waiting });
  expect(events.at(-1)).toBe('next attempt: attempt 2, due now');
});

test('a pending message behind others shows how many go first, and why the first one failed', async () => {
  const head = { messageId: 'the first', seq: 1, lastError: 'http_503' };
  const waiting = { dueAt: '2024-12-10T10:00:05.000Z', isDue: false, ahead: 1000, head };
  const events = await eventsOf({ story: async () => STORY, waiting: async () => waiting });
  expect(events.at(-1)).toBe(
    'waiting: 1000 or more of its dialog go first; next is seq 1, the first, which failed with http_503',
  );
});

test('a dead message shows its entry, or that the entry was cleared', async () => {
  const story = { ...STORY, state: 'dead' as const, attempts: 1 };
  const error = { code: 'http_422', message: 'Core refused it' };
  const entry = { ...PARKED, reason: 'core_refused' as const, error };
  const failedAt = '2024-12-10T10:00:01.000Z';
  const parked = await eventsOf({ story: async () => story, entry: async () => entry });
  expect(parked).toContain('parked: core_refused: Core refused it');
  expect(parked.at(-1)).toBe('dead: given up after 1 attempts');
  const former = { reason: 'core_refused' as const, failedAt, leftAt: failedAt };
  const cleared = await eventsOf({
    story: async () => story,
    former: async () => ({ ...former, leaving: 'cleared' as const }),
  });
  expect(cleared.slice(-3)).toEqual([
    'parked: core_refused',
    'cleared: its entry was removed by an operator',
    'dead: given up; its dead-letter entry has been cleared',
  ]);
});

test('a parked message shows how long after it was written it came', async () => {
  const message = { ...PARKED.message, writtenAtMs: Date.parse('2024-12-10T09:59:57.000Z') };
  const [story] = await find({ entry: async () => ({ ...PARKED, message }) as DlqEntry });
  expect(story?.events[0]).toMatchObject({ detail: '3.0 s after it was written' });
});

test('a message that was parked and released shows both', async () => {
  const former = {
    ...{ reason: 'unknown_tenant' as const, leaving: 'let_in' as const },
    ...{ failedAt: '2024-12-10T10:00:00.010Z', leftAt: '2024-12-10T10:00:00.030Z' },
  };
  const events = await eventsOf({ story: async () => STORY, former: async () => former });
  expect(events.slice(1, 4)).toEqual([
    'parked: unknown_tenant',
    'resolved: client known by its channel, open dialog, seq 2',
    'let in: its entry left the dead-letter queue',
  ]);
});

test('a message that is only in the dead-letter queue is parked', async () => {
  const [story] = await find({ entry: async () => PARKED });
  expect(story).toMatchObject({
    ...{ messageId: ID, state: 'parked', chat: 'chat', tenantIsActive: null },
    parkedAs: { id: ID, reason: 'unknown_tenant' },
    events: [{ what: 'received' }, { detail: 'unknown_tenant: no tenant has this credential' }],
  });
});

test('a message that waits to be resolved is queued', async () => {
  const receivedAt = '2024-12-10T10:00:15.000Z';
  const note = { messageId: ID, traceId: 'queued', receivedAt };
  const queued = async (id: string) => (id === ID ? note : null);
  expect(await find({ queued }, ID.toUpperCase())).toMatchObject([
    { state: 'queued', traceId: 'queued', events: [{ at: receivedAt, what: 'received' }] },
  ]);
});

test('a trace shows its stories, then its entries that have none', async () => {
  const stories = [STORY, { ...STORY, messageId: 'second' }];
  const other = { ...PARKED, message: { ...PARKED.message, messageId: 'third' } } as DlqEntry;
  const unread = { ...PARKED, message: null };
  const found = await find(
    {
      storiesOfTrace: async () => stories,
      entriesOfTrace: async () => [PARKED, other, unread],
    },
    'trace',
  );
  expect(found.map(({ messageId, state }) => `${messageId} ${state}`)).toEqual([
    ...[`${ID} pending`, 'second pending', 'third parked'],
  ]);
});

test('an unknown message id is searched as a trace', async () => {
  const traceId = '0198c0de-0000-8000-8000-00000000000a';
  const storiesOfTrace = async (id: string) => (id === traceId ? [{ ...STORY, traceId }] : []);
  expect(await find({ storiesOfTrace }, traceId)).toMatchObject([{ messageId: ID, traceId }]);
  expect(await find({}, 'unknown')).toEqual([]);
});

test.each([
  [12.4, '12 ms'],
  [-3_400, '-3.4 s'],
  [599_000, '599.0 s'],
  [600_000, '10 min'],
  [3 * 3_600_000, '3 h'],
  [72 * 3_600_000, '3 days'],
])('%d ms are written as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
