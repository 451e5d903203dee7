import { expect, test } from 'vitest';
import { appBundle } from './app-bundle.ts';

const keys = {
  apiKeys: [{ name: 'sender', key: 'api-key' }],
  adminKeys: [{ name: 'operator', key: 'admin-key' }],
};
const ID = '0198c0de-0000-7000-8000-000000000009';

const senders = [
  ['POST', '/resolve'],
  ['GET', `/messages/${ID}`],
] as const;
const operators = [
  ['GET', '/messages?trace_id=t'],
  ['GET', '/dlq'],
  ['GET', `/dlq/${ID}`],
  ['POST', `/dlq/${ID}/replay`],
  ['POST', '/dlq/replay'],
  ['DELETE', '/dlq?reason=invalid'],
  ['GET', '/admin/queues'],
  ['GET', '/admin/queues/api/queues'],
] as const;

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

async function statusOf(method: 'GET' | 'POST' | 'DELETE', url: string, headers = {}) {
  return (await appBundle(keys).inject({ method, url, headers })).statusCode;
}

test.for(senders)('%s %s requires an API key or an admin key', async ([method, url]) => {
  expect(await statusOf(method, url)).toBe(401);
  expect(await statusOf(method, url, bearer('api-kex'))).toBe(401);
  expect(await statusOf(method, url, bearer('api-key'))).not.toBe(401);
  expect(await statusOf(method, url, bearer('admin-key'))).not.toBe(401);
});

test.for(operators)('%s %s requires an admin key', async ([method, url]) => {
  expect(await statusOf(method, url)).toBe(401);
  expect(await statusOf(method, url, bearer('api-key'))).toBe(401);
  expect(await statusOf(method, url, bearer('admin-key'))).not.toBe(401);
});

test.for(['/health', '/livez', '/readyz'])('%s is open', async (url) => {
  expect(await statusOf('GET', url)).toBe(200);
});

test('a refusal names the scheme, and is a problem', async () => {
  const answer = await appBundle(keys).inject('/dlq');
  expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  expect(answer.json()).toMatchObject({ code: 'unauthorized', trace_id: expect.any(String) });
});

test('the board takes the admin key as a Basic password, and no other endpoint does', async () => {
  const basic = (password: string) => ({
    authorization: `Basic ${Buffer.from(`anyone:${password}`).toString('base64')}`,
  });
  expect(await statusOf('GET', '/admin/queues', basic('admin-key'))).toBe(200);
  expect(await statusOf('GET', '/admin/queues', basic('api-key'))).toBe(401);
  expect(await statusOf('GET', '/dlq', basic('admin-key'))).toBe(401);
  const refusal = await appBundle(keys).inject('/admin/queues');
  expect(refusal.headers['www-authenticate']).toMatch(/^Basic/);
});

test('without keys everything is open', async () => {
  const app = appBundle();
  for (const [method, url] of [...senders, ...operators]) {
    expect((await app.inject({ method, url })).statusCode).not.toBe(401);
  }
});
