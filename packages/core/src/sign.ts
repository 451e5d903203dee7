import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/** The key behind `whsec_<base64>`; the error does not repeat the secret. */
export function parseSecret(secret: string): Buffer {
  const base64 = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const key = Buffer.from(base64, 'base64');
  // Buffer.from ignores characters that are not base64, and would return another key.
  const exact = key.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '');
  if (key.length === 0 || !exact) throw new TypeError('must be whsec_ followed by base64');
  return key;
}

/** The three headers of Standard Webhooks. `body` is the exact text that goes over the wire. */
export function signHeaders(
  key: Buffer,
  { id, timestampSeconds, body }: { id: string; timestampSeconds: number; body: string },
) {
  const signature = createHmac('sha256', key)
    .update(`${id}.${timestampSeconds}.${body}`)
    .digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': `v1,${signature}`,
  };
}
