import { expect, test } from 'vitest';
import { readJob } from '../src/resolve/read-job.ts';
import { sealJob } from '../src/resolve/seal-job.ts';

const SECRET = 'a-telegram-credential';
const AT = new Date('2026-01-02T03:04:05Z');
const BODY = { channel: 'telegram', external_chat_id: '1', text: 'hello', message_ids: ['1'] };

test.each([
  ['a job with a credential', {}],
  ['a job that only looks like our own', { v: 1 }],
])('%s is replaced by the message that it comes to', (_, more) => {
  const body = { ...BODY, ...more, bot_token: SECRET, meta: { copy: SECRET } };
  const sealed = sealJob(body, AT);
  expect(JSON.stringify(sealed)).not.toContain(SECRET);
  const [before, after] = [readJob(body, AT), readJob(sealed, AT)];
  if (!before.ok || !after.ok) throw new Error('it cannot be read');
  const { traceId: _ours, ...message } = before.message;
  expect(after.message).toMatchObject(message);
});

test.each([
  ['that is not valid', { ...BODY, bot_token: SECRET, text: 5 }],
  ['that is a text', JSON.stringify({ ...BODY, bot_token: SECRET })],
  ['with the credential of another channel', { ...BODY, profile_id: SECRET }],
  ['with its body one level down', { message: { ...BODY, bot_token: SECRET } }],
  ['that only looks like our own', { v: 1, message: { ...BODY, bot_token: SECRET } }],
])('a job %s keeps no credential either, and stays unreadable', (_, data) => {
  const sealed = sealJob(data, AT);
  expect(sealed).toBeDefined();
  expect(JSON.stringify(sealed)).not.toContain(SECRET);
  const [before, after] = [readJob(data, AT), readJob(sealed, AT)];
  if (before.ok || after.ok) throw new Error('it can be read');
  expect(after.faults).toEqual(before.faults);
  expect(sealJob(sealed, AT)).toBeUndefined();
});

test.each([
  ['of our own', { v: 1, message: { messageId: 'm', fingerprint: 'f', userId: 5 } }],
  ['with a fingerprint', { ...BODY, account_fingerprint: 'f'.repeat(64) }],
  ['without a body', null],
])('a job %s stays as it is', (_, data) => {
  expect(sealJob(data, AT)).toBeUndefined();
});
