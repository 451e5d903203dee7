import { expect, test } from 'vitest';
import { appBundle } from './app-bundle.ts';

test.for([
  ['GET', '/nowhere', 404, 'not_found'],
  ['POST', '/health/deeper', 404, 'not_found'],
  ['GET', '/resolve', 405, 'method_not_allowed'],
  ['PUT', '/dlq/some-id', 405, 'method_not_allowed'],
  ['GET', '/dlq/%zz', 400, 'invalid'],
  ['GET', '/messages/not-a-uuid', 404, 'not_found'],
  ['GET', '/dlq/unknown', 404, 'not_found'],
  ['POST', '/dlq/unknown/replay', 404, 'not_found'],
] as const)('%s %s is %i %s', async ([method, url, status, code]) => {
  const answer = await appBundle().inject({ method, url });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toMatchObject({ status, code, trace_id: expect.any(String) });
  expect(answer.statusCode).toBe(status);
});

test('the root leads to the reference, also behind a path and without a key', async () => {
  const app = appBundle({ apiKeys: [{ name: 'sender', key: 'k' }] });
  const answer = await app.inject('/');
  expect([answer.statusCode, answer.headers.location]).toEqual([302, 'docs']);
  expect((await app.inject({ method: 'POST', url: '/' })).statusCode).toBe(405);
});

test('a method that is not allowed gets the list of allowed methods', async () => {
  const app = appBundle();
  expect((await app.inject({ method: 'PATCH', url: '/dlq' })).headers.allow).toBe(
    'GET, HEAD, DELETE',
  );
  const options = await app.inject({ method: 'OPTIONS', url: '/resolve' });
  expect([options.statusCode, options.headers.allow]).toEqual([204, 'POST']);
  expect((await app.inject({ method: 'HEAD', url: '/health' })).statusCode).toBe(200);
});

test('the board is served with its files, and its handlers serve no other path', async () => {
  const app = appBundle();
  const page = await app.inject('/admin/queues');
  expect(page.headers['content-type']).toMatch(/^text\/html/);
  const file = /static\/[\w./-]+\.js/.exec(page.body)?.[0];
  expect((await app.inject(`/admin/queues/${file}`)).statusCode).toBe(200);
  expect((await app.inject('/admin/queues/static/none.js')).json()).toMatchObject({
    code: 'not_found',
  });
  expect((await app.inject('/static/images/logo.svg')).statusCode).toBe(404);
});
