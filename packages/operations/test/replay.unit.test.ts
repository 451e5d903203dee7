import type { DlqEntry, IncomingMessage, ResolveJob } from '@contour/contract';
import type { Prospect } from '@contour/store/resolve';
import { expect, test } from 'vitest';
import { foresee } from '../src/dlq/foresee.ts';
import { createReplayer, findEntry, onlyEntry, selectEntries } from '../src/dlq/replay.ts';

const MESSAGE = { messageId: 'm', clientPhone: null, channel: 'telegram' } as IncomingMessage;

function entry(id: string, change: Partial<DlqEntry> = {}): DlqEntry {
  return {
    id,
    stage: 'resolve',
    message: MESSAGE,
    raw: null,
    tenantId: null,
    ...change,
  } as DlqEntry;
}

test('an entry is found by its id in any case, and another text is not searched', async () => {
  const id = '0198c0de-0000-8000-8000-000000000009';
  const get = async (wanted: string) => (wanted === id ? entry(id) : null);
  expect(await findEntry({ get }, id.toUpperCase())).toMatchObject({ id });
  const fail = () => Promise.reject(new Error('searched'));
  expect(await findEntry({ get: fail }, 'no-uuid')).toBeNull();
});

test('a selection counts all matches, and takes at most as many as the limit', async () => {
  const pages = (async function* () {
    yield [entry('a')];
  })();
  const dlq = { count: async () => 7, matching: () => pages };
  expect(await selectEntries(dlq, {}, 5)).toEqual({ count: 7, total: 5, pages });
  expect(await selectEntries(dlq, {}, 50)).toMatchObject({ count: 7, total: 7 });
});

/** A replayer over an empty backlog, and the jobs that it adds. */
function openReplayer(ready: Promise<void>) {
  const added: ResolveJob[] = [];
  const replay = createReplayer({
    addJobs: async (jobs) => void added.push(...jobs),
    backlog: async () => ({ waiting: 0, delayed: 0, active: 0 }) as never,
    replies: {
      channel: 'replies',
      ready: () => ready,
      expect: async () => undefined,
      forget: () => {},
    },
    maxBacklog: 10,
    timezone: 'Europe/Moscow',
  });
  return { added, replay };
}

test('a text that was not readable before is read in the default time zone', async () => {
  const { added, replay } = openReplayer(Promise.resolve());
  const raw = JSON.stringify({
    ...{ channel: 'telegram', account_fingerprint: 'a'.repeat(64), external_chat_id: '1' },
    ...{ text: 'hello', message_ids: ['1'], timestamp: '2024-12-10 13:00:15' },
  });
  await replay([[entry('d', { message: null, raw })]]);
  expect(added).toMatchObject([
    { message: { writtenAtMs: Date.parse('2024-12-10T10:00:15Z') }, replayOf: 'd' },
  ]);
});

test('a replay adds a job for each readable entry, and leaves the others', async () => {
  const { added, replay } = openReplayer(Promise.resolve());
  const unread = entry('b', { message: null, raw: '{"channel":"sms"}' });
  const { pages } = onlyEntry(entry('a', { tenantId: 'tenant' }));
  expect(await replay(pages)).toEqual({ matched: 1, replayed: 1 });
  expect(await replay([[unread, entry('c')]])).toEqual({ matched: 2, replayed: 1 });
  expect(added).toMatchObject([
    { replayOf: 'a', replayFor: 'tenant', reply: { to: 'replies' } },
    { replayOf: 'c' },
  ]);
});

test('a replay runs although its answers cannot be heard', async () => {
  const { replay } = openReplayer(Promise.reject(new Error('Redis is away')));
  expect(await replay([[entry('a')]])).toEqual({ matched: 1, replayed: 1 });
});

test('a dry run counts what would happen to each entry', async () => {
  const prospects: Prospect[] = [
    { kind: 'new', makesClient: true, makesDialog: true },
    { kind: 'new', makesClient: false, makesDialog: true },
    { kind: 'repeat' },
    { kind: 'repeat' },
    { kind: 'refused', because: 'conflict' },
  ];
  const entries = [
    ...['a', 'b', 'c'].map((id) => entry(id)),
    entry('d', { stage: 'deliver' }),
    entry('e', { message: null, raw: '"no body"' }),
    entry('f'),
  ];
  const look = async (arrivals: readonly unknown[]) => prospects.splice(0, arrivals.length);
  const pages = [entries.slice(0, 2), entries.slice(2)];
  expect(await foresee(look, pages, { linkByPhone: true, phoneRegion: 'RU' })).toEqual({
    ...{ matched: 6, fresh: 2, newClients: 1, newDialogs: 2, again: 1, repeats: 1 },
    refused: { unknown_tenant: 0, tenant_disabled: 0, conflict: 1, invalid: 0 },
    unreadable: 1,
  });
});
