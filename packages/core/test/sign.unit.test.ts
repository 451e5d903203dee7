import { webcrypto } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseSecret, signHeaders } from '../src/sign.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const signed = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampSeconds: 1614265330,
  body: '{"test": 2432232314}',
};

describe('signHeaders', () => {
  test('gives the signature of the published example', () => {
    expect(signHeaders(parseSecret(SECRET), signed)).toEqual({
      'webhook-id': signed.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('agrees with another implementation of HMAC on a text beyond ASCII', async () => {
    const body = '{"text":"Привет, мир 👋"}';
    const key = parseSecret(SECRET);
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const imported = await webcrypto.subtle.importKey('raw', key, algorithm, false, ['sign']);
    const content = new TextEncoder().encode(`${signed.id}.${signed.timestampSeconds}.${body}`);
    const mac = Buffer.from(await webcrypto.subtle.sign('HMAC', imported, content));
    const headers = signHeaders(key, { ...signed, body });
    expect(headers['webhook-signature']).toBe(`v1,${mac.toString('base64')}`);
  });
});

describe('parseSecret', () => {
  test.each(['', 'whsec_', 'MfKQ9r8GKYqr', 'whsec_not base64!', 'whsec_MfKQ9'])(
    'refuses %j without repeating it',
    (secret) => {
      expect(() => parseSecret(secret)).toThrow(/^must be whsec_ followed by base64$/);
    },
  );

  test('accepts base64 without padding', () => {
    expect(parseSecret('whsec_YWI')).toEqual(parseSecret('whsec_YWI='));
  });
});
