import { describe, expect, it } from 'vitest';
import { checkIncoming, incomingMessage, parseTraceparent } from '../src/index.ts';

const VALID = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const body = {
  channel: 'telegram',
  account_fingerprint: 'a'.repeat(64),
  external_chat_id: '1',
  text: 'Hello',
  message_ids: ['1'],
};

const INVALID = [
  '',
  'nonsense',
  VALID.toUpperCase(),
  ` ${VALID}`,
  `${VALID}-more`,
  `${VALID}, ${VALID}`,
  `${VALID}\n`,
  VALID.replace('00-', 'ff-'),
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
  '\u0000',
  5,
  null,
  [VALID],
];

describe('traceparent', () => {
  it('is kept unchanged; a later version keeps its known parts', () => {
    expect(parseTraceparent(VALID)).toBe(VALID);
    expect(parseTraceparent(`${VALID.replace('00-', 'cc-')}-what-ever`)).toBe(VALID);
  });

  it.each(INVALID)('%j is ignored', (value) => {
    expect(parseTraceparent(value)).toBeUndefined();
    const checked = checkIncoming({ ...body, traceparent: value });
    expect(checked).toMatchObject({ ok: true });
    expect(checked.ok && 'traceParent' in checked.message).toBe(false);
  });

  it('is part of a message, which is valid without one too', () => {
    const checked = checkIncoming({ ...body, traceparent: VALID });
    if (!checked.ok) throw new Error('the body is refused');
    const { traceParent, ...rest } = checked.message;
    expect(traceParent).toBe(VALID);
    expect(incomingMessage.parse(checked.message).traceParent).toBe(VALID);
    expect(incomingMessage.parse({ ...rest, traceParent: 'x\r\ny' }).traceParent).toBeUndefined();
    expect('traceParent' in incomingMessage.parse(rest)).toBe(false);
  });
});
