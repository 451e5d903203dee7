import { isUuid } from '@contour/contract';
import { expect, it } from 'vitest';
import {
  buryDead,
  clearParked,
  deadLetters,
  dropAliveParked,
  findFormer,
  isMoved,
  noteAllMoved,
  park,
  parkFormerDeaths,
  readParked,
  removeParked,
} from '../src/dead-letters/index.ts';
import { erasePerson, findPerson } from '../src/erase/index.ts';
import {
  type Attempt,
  type Death,
  dueShards,
  type PendingMessage,
  settle,
  takeDue,
} from '../src/lanes/index.ts';
import { reviveMessage } from '../src/messages/index.ts';
import { ANY, arrival, type Bundle, openBundle } from './bundle.ts';
import { entry, letter, ROOM } from './letters.ts';

const DEATH: Death = { reason: 'core_refused', message: 'Core answered http_422' };
const SHARDS = 16;

async function take({ pool }: Bundle): Promise<PendingMessage[]> {
  const lanes = await takeDue(pool, { ...ANY, shards: await dueShards(pool) });
  return lanes.flatMap(({ messages }) => messages);
}

function attemptOn(message: PendingMessage, status: Attempt['status'], death?: Death): Attempt {
  const { tenantId, messageId, attempts: earlier } = message;
  const error = status === 'delivered' ? null : { code: 'http_422', ms: 3 };
  return { tenantId, messageId, earlier, status, error, ...(death && { death }) };
}

const write = ({ pool }: Bundle, ...attempts: Attempt[]) =>
  settle(pool, { attempts, emptied: [], postponed: [] });

/** A message that Core has refused. */
async function dead(bundle: Bundle, change: Record<string, unknown> = {}) {
  const sent = arrival(bundle.tenant, change);
  await bundle.resolve(sent);
  const message = (await take(bundle)).find((one) => one.messageId === sent.message.messageId);
  if (message === undefined) throw new Error('the message is not due');
  await write(bundle, attemptOn(message, 'dead', DEATH));
  return { sent: sent.message, message };
}

const keyOf = ({ tenantId, messageId }: PendingMessage) => ({ tenantId, messageId });

it('inserts the entry of a message in the statement that marks it dead', async () => {
  const bundle = await openBundle();
  const { pool, tenant } = bundle;
  const { sent, message } = await dead(bundle, { media: { exact: 1 }, trace_id: 'trace_9' });
  const found = await deadLetters(pool).get(sent.messageId);
  expect(found).toMatchObject({
    ...{ id: sent.messageId, reason: 'core_refused', stage: 'deliver', tenantId: tenant.id },
    ...{ dialogId: message.dialogId, attempts: 1, receivedAt: sent.receivedAt, raw: null },
    error: { code: 'http_422', message: 'Core answered http_422' },
    message: { messageId: sent.messageId, text: 'hello', media: '{"exact":1}', mask: null },
  });
  expect(found?.message?.fingerprint).toBe(sent.fingerprint);
  expect(isUuid(found?.clientId ?? '')).toBe(true);
  expect(await bundle.count('parked where body is not null')).toBe(0);
  expect((await deadLetters(pool).byTrace('trace_9')).map(({ id }) => id)).toEqual([
    sent.messageId,
  ]);
});

it('writes an entry once, even if its settlement is written several times', async () => {
  const bundle = await openBundle();
  const { message } = await dead(bundle);
  const first = await readParked(bundle.pool, message.messageId);
  await write(bundle, attemptOn(message, 'dead', DEATH));
  expect(await readParked(bundle.pool, message.messageId)).toEqual(first);
  await clearParked(bundle.pool, {});
  await write(bundle, attemptOn(message, 'dead', DEATH));
  expect(await bundle.count('parked')).toBe(0);
});

it('writes no entry for a message that is delivered or tried again', async () => {
  const bundle = await openBundle();
  await bundle.resolve(arrival(bundle.tenant), arrival(bundle.tenant));
  const [first, second] = await take(bundle);
  if (first === undefined || second === undefined) throw new Error('two messages are due');
  await write(bundle, attemptOn(first, 'delivered'), attemptOn(second, 'pending'));
  expect(await bundle.count('parked')).toBe(0);
});

it('removes the entry in the statement that revives a message, and writes another when it dies again', async () => {
  const bundle = await openBundle();
  const { pool } = bundle;
  const { message } = await dead(bundle);
  const read = await readParked(pool, message.messageId);
  const revival = await reviveMessage(pool, keyOf(message), SHARDS);
  expect(revival).toMatchObject({ isKnown: true, hasLeft: true });
  expect(await readParked(pool, message.messageId)).toBeNull();
  expect(await findFormer(pool, message.messageId)).toMatchObject({ leaving: 'let_in' });
  expect(await reviveMessage(pool, keyOf(message), SHARDS)).toMatchObject({ hasLeft: false });

  await write(
    bundle,
    attemptOn({ ...message, attempts: 1 }, 'dead', { ...DEATH, reason: 'core_exhausted' }),
  );
  // The version of the first entry does not remove the second.
  const former = { id: message.messageId, version: read?.version ?? '' };
  expect(await removeParked(pool, [former])).toBe(0);
  expect(await deadLetters(pool).get(message.messageId)).toMatchObject({
    ...{ reason: 'core_exhausted', attempts: 2 },
  });
});

it('keeps the entry of a dead message when a bad copy is parked, and replaces the entry of a bad copy', async () => {
  const bundle = await openBundle();
  const { pool } = bundle;
  const sent = arrival(bundle.tenant).message;
  await bundle.resolve({ message: sent, phone: null });
  const copy = entry({ message: sent, reason: 'conflict' });
  expect(await park(pool, [letter(copy)], ROOM)).toEqual(['parked']);
  const [message] = await take(bundle);
  if (message === undefined) throw new Error('the message is due');
  await write(bundle, attemptOn(message, 'dead', DEATH));
  const { get } = deadLetters(pool);
  expect(await get(sent.messageId)).toMatchObject({ stage: 'deliver', reason: 'core_refused' });
  expect(await park(pool, [letter(copy, true)], ROOM)).toEqual(['parked']);
  expect(await get(sent.messageId)).toMatchObject({ stage: 'deliver', reason: 'core_refused' });
});

it('drops the entry of a stalled message that a duplicate has put into the ledger', async () => {
  const bundle = await openBundle();
  const { pool } = bundle;
  const [resolved, waiting, other] = [0, 1, 2].map(() => arrival(bundle.tenant).message);
  if (!resolved || !waiting || !other) throw new Error('three messages are needed');
  const stalled = [resolved, waiting, { ...other, contentHash: 'another content' }].map((message) =>
    letter(entry({ message, reason: 'stalled' })),
  );
  await park(pool, stalled, ROOM);
  await bundle.resolve({ message: resolved, phone: null }, { message: other, phone: null });
  expect(await dropAliveParked(pool)).toBe(1);
  expect(await readParked(pool, resolved.messageId)).toBeNull();
  expect(await findFormer(pool, resolved.messageId)).toMatchObject({ leaving: 'let_in' });
  expect(await readParked(pool, waiting.messageId)).not.toBeNull();
  expect(await readParked(pool, other.messageId)).not.toBeNull();
});

it('stays consistent while eight sessions settle, revive, clear and park at once', async () => {
  const bundle = await openBundle();
  const { pool } = bundle;
  const all = await Promise.all([0, 1, 2, 3].map(() => dead(bundle)));
  const acts = all.flatMap(({ sent, message }) => [
    () => reviveMessage(pool, keyOf(message), SHARDS),
    () => write(bundle, attemptOn({ ...message, attempts: 1 }, 'dead', DEATH)),
    () => park(pool, [letter(entry({ message: sent, reason: 'conflict' }))], ROOM),
    () => clearParked(pool, { reason: 'conflict' }),
  ]);
  for (let round = 0; round < 5; round += 1) await Promise.all(acts.map((act) => act()));
  await dropAliveParked(pool);
  const lacking = `messages m where status = 'dead' and not exists (select from parked where id = m.id)`;
  const stale = `parked p join messages m on m.id = p.id where p.stage = 'deliver' and m.status <> 'dead'`;
  expect([await bundle.count(lacking), await bundle.count(stale)]).toEqual([0, 0]);
});

it('does not restore a cleared entry, and erases entries with their person', async () => {
  const bundle = await openBundle();
  const { pool, tenant } = bundle;
  const { message } = await dead(bundle);
  expect(await clearParked(pool, { reason: 'core_refused' })).toBe(1);
  expect(await findFormer(pool, message.messageId)).toMatchObject({ leaving: 'cleared' });
  expect(await bundle.count("messages where status = 'dead'")).toBe(1);

  const { message: other } = await dead(bundle, { external_chat_id: 'other chat' });
  const { rows } = await pool.query<{ client_id: string }>(
    'select client_id from messages where id = $1',
    [other.messageId],
  );
  const who = await findPerson(pool, { tenantId: tenant.id, clientId: rows[0]?.client_id ?? '' });
  await erasePerson(pool, who, () => undefined);
  expect(await bundle.count('parked')).toBe(0);
  expect(await findFormer(pool, other.messageId)).toBeNull();
});

it('takes over notes of an earlier version for dead messages only', async () => {
  const bundle = await openBundle();
  const { pool, tenant } = bundle;
  const { message } = await dead(bundle);
  await clearParked(pool, {});
  await bundle.resolve(arrival(tenant, { external_chat_id: 'pending' }));
  const [pending] = await take(bundle);
  const note = (messageId: string) => ({
    ...{ tenantId: tenant.id, messageId, reason: 'core_exhausted' as const, attempts: 12 },
    ...{ error: { code: 'timeout', message: 'too late' }, failedAt: '2024-12-10T10:00:17.000Z' },
  });
  const gone = '0190a0a0-0000-8000-8000-000000000001';
  const notes = [message.messageId, pending?.messageId ?? '', gone].map(note);
  expect(await parkFormerDeaths(pool, notes)).toEqual([pending?.messageId]);
  expect((await deadLetters(pool).list({}, { limit: 5 })).items).toMatchObject([
    {
      id: message.messageId,
      reason: 'core_exhausted',
      attempts: 12,
      error: { message: 'too late' },
    },
  ]);
});

it('drops entries of messages that an earlier version has revived', async () => {
  const bundle = await openBundle();
  const { pool } = bundle;
  const [alive, stays] = [await dead(bundle), await dead(bundle, { external_chat_id: 'other' })];
  await pool.query("update messages set status = 'delivered' where id = $1", [
    alive.sent.messageId,
  ]);
  expect(await dropAliveParked(pool)).toBe(1);
  expect(await dropAliveParked(pool)).toBe(0);
  const { items } = await deadLetters(pool).list({}, { limit: 5 });
  expect(items.map(({ id }) => id)).toEqual([stays.sent.messageId]);
});

it('makes missing entries of dead messages from the ledger', async () => {
  const bundle = await openBundle();
  const { pool } = bundle;
  const { message: known } = await dead(bundle);
  const first = await readParked(pool, known.messageId);
  for (let n = 0; n < 3; n += 1) await dead(bundle, { external_chat_id: `chat ${n}` });
  await pool.query('delete from parked where id <> $1', [known.messageId]);
  await pool.query(
    `update messages set attempt_log = '[{"at":"2020-01-01T00:00:00Z","code":"timeout","ms":1}]', last_error = 'timeout'
      where id = (select id from messages where id <> $1 limit 1)`,
    [known.messageId],
  );
  expect(await buryDead(pool, 600)).toBe(2);
  expect(await buryDead(pool, null)).toBe(1);
  expect(await buryDead(pool, null)).toBe(0);
  expect(await readParked(pool, known.messageId)).toEqual(first);
  const { items } = await deadLetters(pool).list({ reason: 'core_exhausted' }, { limit: 5 });
  expect(items).toMatchObject([
    {
      failedAt: '2020-01-01T00:00:00.000Z',
      error: { code: 'timeout', message: 'restored from the ledger' },
    },
  ]);
  expect(await isMoved(pool)).toBe(false);
  await noteAllMoved(pool);
  expect(await isMoved(pool)).toBe(true);
});
