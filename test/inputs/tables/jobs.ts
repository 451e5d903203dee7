/** A job's data, from a valid message. */
type Data = (valid: Record<string, unknown>) => unknown;

/** Jobs that are no messages, and the error of their dead letter. */
export const BAD_JOBS: Array<[what: string, data: Data, says: RegExp]> = [
  ['null', () => null, /^body must be a JSON object/],
  ['nothing', () => undefined, /^channel must be one of|^body must be/],
  ['a text', () => 'hello', /^body must be a JSON object/],
  ['a message written as a text', (valid) => JSON.stringify(valid), /^body must be a JSON object/],
  ['a number', () => 5, /^body must be a JSON object/],
  ['false', () => false, /^body must be a JSON object/],
  ['a list', (valid) => [valid], /^body must be a JSON object/],
  ['an empty object', () => ({}), /^channel must be one of/],
  ['an envelope of another version', (valid) => ({ v: 2, message: valid }), /^channel/],
  ['an envelope around a bare message', (valid) => ({ v: 1, message: valid }), /^channel/],
  ['an envelope around nothing', () => ({ v: 1, message: null }), /^channel/],
  [
    'an envelope that is half ours',
    () => ({ v: 1, message: { messageId: 'x', fingerprint: '' } }),
    /^channel/,
  ],
  ['a refusal that is half ours', () => ({ v: 1, unreadable: 1, faults: [null] }), /^channel/],
  ['a message in a field', (valid) => ({ data: valid }), /^channel/],
  ['a channel that has no text', (valid) => ({ ...valid, channel: { toString: 1 } }), /^channel/],
  [
    'the credential in place of its fingerprint',
    (valid) => ({ ...valid, bot_token: null, account_fingerprint: '{token}' }),
    /^account_fingerprint/,
  ],
  [
    'a credential under a name that no field has',
    ({ bot_token, ...valid }) => ({ ...valid, bot_tokn: bot_token, media: { url: '{token}' } }),
    /^bot_token is required/,
  ],
  [
    'a long phone',
    (valid) => ({ ...valid, client_phone: '7'.repeat(257) }),
    /^client_phone must have at most 256/,
  ],
  [
    'a phone verified in words',
    (valid) => ({ ...valid, phone_verified: 'yes' }),
    /^phone_verified/,
  ],
  ['U+0000', (valid) => ({ ...valid, text: 'a\0' }), /^text contains/],
  [
    'everything wrong',
    (valid) => ({ ...valid, text: 5, message_ids: 7 }),
    /message_ids .*text|text .*message_ids/,
  ],
];
