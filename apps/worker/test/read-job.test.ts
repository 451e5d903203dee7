import { checkIncoming, type IncomingMessage } from '@contour/contract';
import { expect, it } from 'vitest';
import { readJob } from '../src/resolve/read-job.ts';
import { unreadableLetter } from '../src/resolve/unreadable-letter.ts';

const BODY = {
  channel: 'telegram',
  bot_token: 'a-telegram-credential',
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

it('reads what our own API wrote', () => {
  const job = { v: 1, message: checkedMessage(), replayOf: 'x' };
  expect(readJob(job, AT)).toMatchObject({ ok: true, message: job.message, replayOf: 'x' });
});

it("reads the contract's bare body, received when the job was added", () => {
  expect(readJob(BODY, AT)).toMatchObject({ ok: true, message: { receivedAt: AT.toISOString() } });
});

it.each([null, 'text', {}, { v: 1 }, { v: 1, message: {} }, { ...BODY, text: 5 }])(
  'does not read %j',
  (data) => {
    expect(readJob(data, AT)).toMatchObject({ ok: false });
  },
);

it('parks what it cannot read once per job, without the credential', () => {
  const job = { id: 'job-1', data: { ...BODY, text: 5 }, timestampMs: AT.getTime(), started: 1 };
  const letter = unreadableLetter(job, [{ path: 'text', message: 'must be a string' }]);
  expect(letter).toMatchObject({ reason: 'invalid', error: { message: 'text must be a string' } });
  expect(letter.raw).not.toContain(BODY.bot_token);
  expect(unreadableLetter(job, []).id).toBe(letter.id);
});
