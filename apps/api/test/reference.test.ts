import { checkIncoming, PROBLEMS } from '@contour/contract';
import type { HttpApp } from '@contour/http';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, test } from 'vitest';
import {
  examplesOf,
  type OpenApi,
  operationsOf,
  placesOf,
  validatorsOf,
} from '../../../test/support/reference.ts';
import { appBundle, bareApp, NO_MESSAGES, seed } from './app-bundle.ts';

const app = bareApp();
const document = (await app.inject('/openapi.json')).json() as OpenApi;
await app.close();
const faultsOf = validatorsOf(document, { isClosed: false });
const faultsOfAnswer = validatorsOf(document, { isClosed: true });

test('the reference is OpenAPI without an error or a warning', async () => {
  const openToFields = { severity: 'warn', allowAdditionalProperties: true } as const;
  const config = await createConfig({
    extends: ['recommended'],
    rules: {
      // A probe or a page refuses no request.
      'operation-4xx-response': 'off',
      // It reads the conditions between fields (if, then) as lists of fields, and the three share one setting. A test
      // below shows that no example has an undocumented field.
      'no-invalid-media-type-examples': openToFields,
      'no-invalid-parameter-examples': openToFields,
      'no-invalid-schema-examples': openToFields,
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(document), config });
  expect(
    problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]),
  ).toEqual([]);
});

test('every answer with a body has an example, and every example fits its schema', () => {
  const bodies = operationsOf(document).flatMap(({ operationId, requestBody }) =>
    Object.values(requestBody?.content ?? {}).map((content) => ({ where: operationId, content })),
  );
  const answers = placesOf(document).flatMap(({ operationId, status, response }) =>
    Object.values(response.content ?? {}).map((content) => ({
      where: `${operationId} ${status}`,
      content,
    })),
  );
  for (const { where, content } of [...bodies, ...answers]) {
    const examples = examplesOf(content);
    expect(examples, where).not.toEqual([]);
    const faults = answers.some((answer) => answer.content === content) ? faultsOfAnswer : faultsOf;
    for (const [name, value] of examples) {
      expect(faults(content.schema, value), `${where} ${name}`).toEqual([]);
    }
  }
});

/** Every path of a service; the tree that Fastify prints has one level for four columns. */
function pathsOf(app: HttpApp): string[] {
  const stack: string[] = [];
  return app
    .printRoutes()
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods] =
        /^(.*?)[└├]── (\S*)(?: \((.+)\))?/.exec(line) ?? [];
      stack.splice(indent.length / 4, Number.POSITIVE_INFINITY, part);
      return methods === undefined ? [] : [stack.join('')];
    });
}

test('every route is documented, and every documented path is a route', async () => {
  const app = appBundle();
  await app.ready();
  const documented = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({
      method: method.toUpperCase() as 'GET',
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    })),
  );
  expect(documented.filter((route) => !app.hasRoute(route))).toEqual([]);
  const paths = new Set(documented.map(({ url }) => url));
  const undocumented = pathsOf(app).filter(
    (path) => !paths.has(path) && !path.startsWith('/admin/queues'),
  );
  expect(undocumented).toEqual(['/', '/docs/scalar.js']);
});

test('every operation requires the keys that its documentation names', async () => {
  const keys = { sender: 'key-of-a-sender', operator: 'key-of-an-operator' };
  const closed = appBundle({
    apiKeys: [{ name: 'sender', key: keys.sender }],
    adminKeys: [{ name: 'operator', key: keys.operator }],
  });
  const refuses = async (method: string, url: string, key?: string) => {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const answer = await closed.inject({ method: method as 'GET', url, headers });
    return answer.statusCode === 401;
  };
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, { security }] of Object.entries(item)) {
      const schemes = security.flatMap(Object.keys);
      const url = path.replace('{id}', 'x');
      expect(
        [
          await refuses(method.toUpperCase(), url),
          await refuses(method.toUpperCase(), url, keys.sender),
          await refuses(method.toUpperCase(), url, keys.operator),
        ],
        `${method} ${path}`,
      ).toEqual([schemes.length > 0, schemes.length > 0 && !schemes.includes('apiKey'), false]);
    }
  }
});

test('every problem code is documented, with its status', () => {
  const documented = JSON.stringify(document.components.schemas.Problem);
  for (const [code, { status }] of Object.entries(PROBLEMS)) {
    expect(documented).toContain(`| ${code} | ${status} |`);
  }
});

describe('the schema of a message', () => {
  const message = { $ref: '#/components/schemas/Message' };
  const nulls = { bot_token: null, profile_id: null, group_id: null, user_id: null, bot_id: null };
  const print = 'a'.repeat(64);
  const least = { ...nulls, channel: 'vk', group_id: 1, external_chat_id: 1, message_ids: [1] };

  test.each<[string, object]>([
    ['the example of the contract', seed],
    ['numbers for ids', { ...least, text: 'x', external_user_id: 7, client_phone: 79991234567 }],
    ['a negative chat', { ...least, text: 'x', external_chat_id: -100 }],
    ['media without a text', { ...least, media: [] }],
    ['media that is not an object', { ...least, text: '', media: 0 }],
    [
      'null for every field that does not apply',
      {
        ...seed,
        ...nulls,
        bot_token: 'x',
        client_name: null,
        client_phone: null,
        client_username: null,
        external_user_id: null,
        timestamp: null,
        message_id: null,
        trace_id: null,
        media: null,
        meta: null,
        account_fingerprint: null,
      },
    ],
    ['a fingerprint alone', { ...least, group_id: null, account_fingerprint: print, text: 'x' }],
    ['one message id', { ...least, message_ids: null, message_id: 'm', text: 'x' }],
    [
      'more ids than count, when they repeat',
      { ...least, message_ids: Array(1001).fill('m'), text: 'x' },
    ],
    ['astral characters to the limit', { ...least, text: '😀'.repeat(64 * 1024) }],
    ['an offset and parts of a second', { ...seed, timestamp: '2024-12-10T10:00:15.123456+03:00' }],
    ['no offset', { ...seed, timestamp: '2024-12-10 10:00:15' }],
    ['seconds since 1970', { ...seed, timestamp: 1_733_824_815 }],
    ['unknown fields', { ...seed, tenant_id: 'x', more: [] }],
  ])('accepts what the service accepts: %s', (_what, body) => {
    expect(checkIncoming(body)).toMatchObject({ ok: true });
    expect(faultsOf(message, body)).toEqual([]);
  });

  test.each<[string, object]>([
    ['no channel', { ...seed, channel: undefined }],
    ['another channel', { ...seed, channel: 'icq' }],
    ['no credential', { ...seed, bot_token: null }],
    ["another channel's credential", { ...seed, bot_token: null, profile_id: 'x' }],
    ["another channel's credential beside its own", { ...seed, profile_id: 'x' }],
    ['white space in a credential', { ...seed, bot_token: 'a b' }],
    [
      'a fingerprint in capitals',
      { ...seed, bot_token: null, account_fingerprint: 'A'.repeat(64) },
    ],
    ['no chat', { ...seed, external_chat_id: null }],
    ['an empty chat', { ...seed, external_chat_id: '' }],
    ['an empty list of message ids', { ...seed, message_ids: [] }],
    ['no message ids', { ...seed, message_ids: null }],
    ['neither text nor media', { ...seed, text: null, media: null }],
    ['a text over the limit', { ...seed, text: 'x'.repeat(64 * 1024 + 1) }],
    ['a list for meta', { ...seed, meta: [] }],
    ['white space in a trace id', { ...seed, trace_id: 'a b' }],
  ])('refuses what the service refuses: %s', (_what, body) => {
    expect(checkIncoming(body)).toMatchObject({ ok: false });
    expect(faultsOf(message, JSON.parse(JSON.stringify(body)))).not.toEqual([]);
  });
});

test('an unexpected error is answered as the reference says', async () => {
  const app = appBundle({
    messages: {
      ...NO_MESSAGES,
      story: async () => {
        throw new Error('a bug');
      },
    },
  });
  const url = '/messages/0198c0de-0000-7000-8000-000000000001';
  const answer = await app.inject({ url });
  const { content } = document.components.responses.Internal ?? {};
  const [example] = Object.values(content ?? {}).flatMap(examplesOf);
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toEqual({ ...(example?.[1] as object), trace_id: expect.any(String) });
});

describe('the page', () => {
  const closedApp = () =>
    appBundle({
      apiKeys: [{ name: 'sender', key: 'key-of-a-sender' }],
      adminKeys: [{ name: 'operator', key: 'key-of-an-operator' }],
    });

  test('is open, and loads nothing from elsewhere', async () => {
    const answer = await closedApp().inject('/docs');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^text\/html/);
    expect(answer.body).not.toMatch(/https?:|\/\//);
    expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'; /);
    expect(answer.headers['content-security-policy']).not.toMatch(/https?:|\*|unsafe-eval/);
  });

  test('has its script and the document beside it', async () => {
    const app = closedApp();
    const page = (await app.inject('/docs')).body;
    const script = /src="([^"]+)"/.exec(page)?.[1];
    const answer = await app.inject(`/${script}`);
    expect(answer.headers['content-type']).toMatch(/^text\/javascript/);
    expect(answer.body).toContain('createApiReference');
    const url = /"url":"([^"]+)"/.exec(page)?.[1];
    expect((await app.inject(`/${url}`)).json()).toEqual(document);
  });

  test.each(['/docs', '/openapi.json', '/docs/scalar.js'])(
    '%s is not sent again to a client that has it',
    async (url) => {
      const app = closedApp();
      const { etag } = (await app.inject({ url })).headers;
      const headers = { 'if-none-match': String(etag) };
      expect((await app.inject({ url, headers })).statusCode).toBe(304);
      const other = { 'if-none-match': '"other"' };
      expect((await app.inject({ url, headers: other })).statusCode).toBe(200);
    },
  );
});
