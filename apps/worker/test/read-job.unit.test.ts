import { checkIncoming, type IncomingMessage } from '@contour/contract';
import { expect, it, test } from 'vitest';
import { unreadableLetter } from '../src/dlq/letters.ts';
import { readJob, sealJob } from '../src/roles/resolve.ts';

const SECRET = 'a-telegram-credential';
const BODY = {
  channel: 'telegram',
  bot_token: SECRET,
  external_chat_id: '1',
  text: 'hello',
  message_ids: ['1'],
};
const AT = new Date('2026-01-02T03:04:05Z');

function checkedMessage(): IncomingMessage {
  const checked = checkIncoming(BODY, AT);
  if (!checked.ok) throw new Error('the body of this test is not valid');
  return checked.message;
}

it('reads a job of our own API', () => {
  const job = { v: 1, message: checkedMessage(), replayOf: 'x' };
  expect(readJob(job, AT, 'UTC')).toMatchObject({ ok: true, message: job.message, replayOf: 'x' });
});

it("reads the contract's bare body, and takes the time when the job was added as its receipt", () => {
  expect(readJob(BODY, AT, 'UTC')).toMatchObject({
    ok: true,
    message: { receivedAt: AT.toISOString() },
  });
});

it.each([null, 'text', {}, { v: 1 }, { v: 1, message: {} }, { ...BODY, text: 5 }])(
  'does not read %j',
  (data) => {
    expect(readJob(data, AT, 'UTC')).toMatchObject({ ok: false });
  },
);

it('makes one dead-letter entry per unreadable job, without the credential', () => {
  const job = { id: 'job-1', data: { ...BODY, text: 5 }, timestampMs: AT.getTime(), started: 1 };
  const letter = unreadableLetter(job, [{ path: 'text', message: 'must be a string' }]);
  expect(letter).toMatchObject({ reason: 'invalid', error: { message: 'text must be a string' } });
  expect(letter.raw).not.toContain(BODY.bot_token);
  expect(unreadableLetter(job, []).id).toBe(letter.id);
});

it('reads a time without an offset in the default time zone', () => {
  const body = { ...BODY, timestamp: '2024-12-10 13:00:15' };
  expect(readJob(body, AT, 'Europe/Moscow')).toMatchObject({
    message: { timestamp: body.timestamp, writtenAtMs: Date.parse('2024-12-10T10:00:15Z') },
  });
});

it('reads a job of a version that did not compute the instant', () => {
  const { writtenAtMs: _new, ...message } = checkedMessage();
  expect(readJob({ v: 1, message }, AT, 'UTC')).toMatchObject({ message: { writtenAtMs: null } });
});

const { bot_token: _credential, ...BARE } = BODY;

test.each([
  ['a job with a credential', {}],
  ['a job that only looks like our own', { v: 1 }],
])('%s is replaced by the message in it', (_, more) => {
  const body = { ...BODY, ...more, meta: { copy: SECRET } };
  const sealed = sealJob(body, AT, 'UTC');
  expect(JSON.stringify(sealed)).not.toContain(SECRET);
  const [before, after] = [readJob(body, AT, 'UTC'), readJob(sealed, AT, 'UTC')];
  if (!before.ok || !after.ok) throw new Error('it cannot be read');
  const { traceId: _ours, ...message } = before.message;
  expect(after.message).toMatchObject(message);
});

test.each([
  ['that is not valid', { ...BODY, text: 5 }],
  ['that is a text', JSON.stringify(BODY)],
  ['with the credential of another channel', { ...BARE, profile_id: SECRET }],
  ['with its body one level down', { message: BODY }],
  ['that only looks like our own', { v: 1, message: BODY }],
])('a job %s keeps no credential either, and stays unreadable', (_, data) => {
  const sealed = sealJob(data, AT, 'UTC');
  expect(sealed).toBeDefined();
  expect(JSON.stringify(sealed)).not.toContain(SECRET);
  const [before, after] = [readJob(data, AT, 'UTC'), readJob(sealed, AT, 'UTC')];
  if (before.ok || after.ok) throw new Error('it can be read');
  expect(after.faults).toEqual(before.faults);
  expect(sealJob(sealed, AT, 'UTC')).toBeUndefined();
});

test.each([
  ['of our own', { v: 1, message: { messageId: 'm', fingerprint: 'f', userId: 5 } }],
  ['with a fingerprint', { ...BARE, account_fingerprint: 'f'.repeat(64) }],
  ['without a body', null],
])('a job %s stays as it is', (_, data) => {
  expect(sealJob(data, AT, 'UTC')).toBeUndefined();
});
