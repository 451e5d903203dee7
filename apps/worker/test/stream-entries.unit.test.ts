import { AppError, type DlqEntry, type IncomingMessage } from '@contour/contract';
import { TooLong } from '@contour/queue/jobs';
import type { StreamEntry } from '@contour/queue/streams';
import type { Ending } from '@contour/store/resolve';
import { expect, test } from 'vitest';
import { handleEntries } from '../src/roles/stream.ts';
import { silent } from './unheard.ts';

const AT = new Date('2026-01-02T03:04:05Z');

const bodyOf = (chat: string, text: unknown = 'hello') =>
  JSON.stringify({
    ...{ channel: 'telegram', bot_token: 'a-telegram-credential', external_chat_id: chat },
    ...{ text, message_ids: ['1'] },
  });

const entryOf = (
  id: string,
  message: string | Buffer | TooLong | undefined,
  deliveries = 1,
): StreamEntry => ({
  ...{ shard: 2, id, addedAt: AT, deliveries },
  message: typeof message === 'string' ? Buffer.from(message) : message,
});

const RESOLVED = { kind: 'resolved', receipt: {} } as Ending;
const failed = (code: AppError['code']) => new AppError(code, 'no', undefined);

/** Handles entries with a resolver that ends the messages of each chat in this way. */
async function handle(
  entries: readonly StreamEntry[],
  endings: Record<string, Ending> = {},
  over: { isDlqAway?: boolean; heldChats?: ReadonlySet<string>; timezone?: string } = {},
) {
  const parked: DlqEntry[] = [];
  const resolved: string[] = [];
  const writtenAt: Array<number | null> = [];
  const handled = await handleEntries(
    {
      async resolveAll(messages: readonly IncomingMessage[]) {
        resolved.push(...messages.map(({ externalChatId }) => externalChatId));
        writtenAt.push(...messages.map(({ writtenAtMs }) => writtenAtMs));
        return messages.map(({ externalChatId }) => endings[externalChatId] ?? RESOLVED);
      },
      dlq: {
        async park(letter) {
          if (over.isDlqAway) throw failed('postgres_unavailable');
          parked.push(letter);
          return 'parked';
        },
      },
      logger: silent,
      timezone: over.timezone ?? 'UTC',
    },
    entries,
    over.heldChats ?? new Set(),
  );
  return { ...handled, parked, resolved, writtenAt };
}

test('a time without an offset is read in the default time zone', async () => {
  const body = JSON.parse(bodyOf('a'));
  const entry = entryOf('1', JSON.stringify({ ...body, timestamp: '2024-12-10 13:00:15' }));
  const { writtenAt } = await handle([entry], {}, { timezone: 'Europe/Moscow' });
  expect(writtenAt).toEqual([Date.parse('2024-12-10T10:00:15Z')]);
});

test('entries are resolved in their order, in one call', async () => {
  const { ended, resolved, parked } = await handle([
    entryOf('1', bodyOf('a')),
    entryOf('2', bodyOf('b')),
    entryOf('3', bodyOf('a')),
  ]);
  expect([ended, resolved, parked]).toEqual([['1', '2', '3'], ['a', 'b', 'a'], []]);
});

test('an entry that fails for a temporary reason is held, and the other chats continue', async () => {
  const busy = { a: failed('postgres_busy') };
  const { ended, held } = await handle(
    [entryOf('1', bodyOf('a')), entryOf('2', bodyOf('b'))],
    busy,
  );
  expect(ended).toEqual(['2']);
  expect(held).toEqual([{ id: '1', chat: expect.stringContaining('a'), counts: true }]);
  const [{ chat = '' } = {}] = held;
  const later = await handle([entryOf('3', bodyOf('a'))], {}, { heldChats: new Set([chat]) });
  expect(later).toMatchObject({ ended: [], resolved: [], held: [{ id: '3', counts: false }] });
});

test('an entry whose letter cannot be made is held, and the others end', async () => {
  const unprintable = {
    id: '1',
    shard: 2,
    deliveries: 1,
    message: Buffer.from('{'),
  } as StreamEntry;
  Object.defineProperty(unprintable, 'addedAt', { get: () => new Date(Number.NaN) });
  const { ended, held } = await handle([unprintable, entryOf('2', bodyOf('b'))]);
  expect(ended).toEqual(['2']);
  expect(held).toEqual([{ id: '1', chat: '1', counts: true }]);
});

test.each(['not_tried', 'postgres_unavailable'] as const)(
  'an entry that ends with %s is held without a counted failure, however often',
  async (code) => {
    const { held, parked } = await handle([entryOf('1', bodyOf('a'), 8)], { a: failed(code) });
    expect(held).toMatchObject([{ id: '1', counts: false }]);
    expect(parked).toEqual([]);
  },
);

test('an entry that fails at its eighth delivery is parked with the error', async () => {
  const { ended, parked } = await handle([entryOf('1', bodyOf('a'), 8)], {
    a: failed('unexpected'),
  });
  expect(ended).toEqual(['1']);
  expect(parked).toMatchObject([{ reason: 'stalled', attempts: 8, error: { message: 'no' } }]);
});

test('an entry that was handed out more often is parked without another try', async () => {
  const { ended, parked, resolved } = await handle([entryOf('1', bodyOf('a'), 9)]);
  expect([ended, resolved]).toEqual([['1'], []]);
  expect(parked).toMatchObject([
    { reason: 'stalled', error: { message: expect.stringMatching(/handed out 9 times/) } },
  ]);
});

test('a message that is refused is parked', async () => {
  const { ended, parked } = await handle([entryOf('1', bodyOf('a'))], {
    a: { kind: 'unknown_tenant' },
  });
  expect(ended).toEqual(['1']);
  expect(parked).toMatchObject([{ reason: 'unknown_tenant', tenantId: null }]);
});

test.each([
  ['no field `message`', undefined, /message is required/],
  ['a body that is too long', new TooLong(300_000), /at most \d+ bytes, and has 300000/],
  ['a body that is not UTF-8', Buffer.from([0xff]), /must be UTF-8/],
  ['a body that is not JSON', '{', /must be JSON/],
  ['a body that is not valid', bodyOf('a', 5), /text/],
] as const)('an entry with %s is parked as invalid, with its place', async (_, body, fault) => {
  const { ended, parked, resolved } = await handle([entryOf('1-0', body)]);
  expect([ended, resolved]).toEqual([['1-0'], []]);
  const message = expect.stringMatching(fault);
  expect(parked).toMatchObject([{ reason: 'invalid', error: { message }, message: null }]);
  expect(parked[0]?.error.message).toContain('(entry 1-0 of contour:resolve:2)');
  expect(JSON.stringify(parked)).not.toContain('a-telegram-credential');
});

test('an entry that cannot be parked is handed out again, and holds back no other', async () => {
  const { ended, held } = await handle(
    [entryOf('1', '{'), entryOf('2', bodyOf('b'))],
    {},
    { isDlqAway: true },
  );
  expect(ended).toEqual(['2']);
  expect(held).toEqual([{ id: '1', chat: '1', counts: true }]);
});
