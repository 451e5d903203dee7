import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import {
  examplesOf,
  type OpenApi,
  operationsOf,
  placesOf,
  validatorsOf,
} from '../support/reference.ts';
import { type Answer, get, request } from '../support/send.ts';
import { payloadAtCore } from '../support/story.ts';
import { addAccount } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const API_KEY = 'key-of-a-sender-0123456789';
const ADMIN_KEY = 'key-of-an-operator-0123456789';
const SENDER = { authorization: `Bearer ${API_KEY}` };
const OPERATOR = { authorization: `Bearer ${ADMIN_KEY}` };
const ASYNC = { ...SENDER, prefer: 'respond-async' };

let contour: Contour;
let document: OpenApi;
let faultsOf: ReturnType<typeof validatorsOf>;
let tenantId: string;
/** The statuses and the examples that were provoked. */
const seenPlaces = new Set<string>();
const seenExamples = new Set<unknown>();

beforeAll(async () => {
  contour = await startContour({
    ownPostgres: true,
    env: { API_KEYS: `sender:${API_KEY}`, ADMIN_KEYS: `operator:${ADMIN_KEY}` },
  });
  document = (await get(`${contour.url}/openapi.json`)).json;
  faultsOf = validatorsOf(document, { isClosed: true });
  const { rows } = await contour.database.pool.query<{ id: string }>(
    "insert into tenants (domain_id, name) values (1, 'A shop') returning id",
  );
  tenantId = rows[0]?.id ?? '';
  await addAccount(contour.database.pool, tenantId, 'telegram', 'demo-telegram');
});
afterAll(() => contour?.close());

const VARYING = ['ms', 'neo4j', 'workers', 'warnings', 'account_fingerprint', 'fingerprint'];
const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Without the values that differ from run to run: ids, times and measurements. */
const settled = (value: unknown) =>
  JSON.parse(JSON.stringify(value), (key, inner: unknown) => {
    if (VARYING.includes(key)) return '…';
    if (typeof inner !== 'string') return inner;
    return TIME.test(inner) ? 'time' : inner.replaceAll(UUID, 'id');
  });

/** Compares an answer with the reference: its status, headers, body, and the example of that name. */
function holds(operationId: string, exampleName: string | null, answer: Answer): Answer {
  const where = `${operationId} ${answer.status} ${exampleName}`;
  const place = placesOf(document).find(
    (one) => one.operationId === operationId && one.status === String(answer.status),
  );
  if (place === undefined) throw new Error(`${where} is not documented: ${answer.text}`);
  seenPlaces.add(`${operationId} ${answer.status}`);
  const type = answer.headers.get('content-type')?.split(';')[0] ?? 'none';
  const content = place.response.content?.[type];
  if (exampleName === null) return answer;
  if (content === undefined) throw new Error(`${where} has no ${type}`);
  const example = examplesOf(content).find(([name]) => name === exampleName);
  if (example === undefined) throw new Error(`${where} has no such example: ${answer.text}`);
  seenExamples.add(example[1]);
  if (!type.includes('json')) {
    expect(answer.text, where).toContain(example[1]);
    return answer;
  }
  expect(faultsOf(content.schema, answer.json), where).toEqual([]);
  expect(settled(answer.json), where).toEqual(settled(example[1]));
  return answer;
}

const bodyOf = (fields: object = {}) => {
  const resolve = operationsOf(document).find(({ operationId }) => operationId === 'resolve');
  const [content] = Object.values(resolve?.requestBody?.content ?? {});
  return { ...(content?.examples?.telegram?.value as object), ...fields };
};

/** A message other than the example, with a chat of its own. */
const another = (chat: string, fields: object = {}) =>
  bodyOf({ external_chat_id: chat, client_phone: null, ...fields });

const send = (body: unknown, headers: Record<string, string> = SENDER, url = contour.url) =>
  request('POST', `${url}/resolve`, { body, headers });
const ask = (method: string, path: string, body?: unknown, headers = OPERATOR) =>
  request(method, `${contour.url}${path}`, { body, headers });

const unknownCredential = { bot_token: 'demo-unknown' };

describe('a running system answers as the reference says', () => {
  test('to a message and its repeat, and what it sends to Core', async () => {
    const first = holds('resolve', 'resolved', await send(bodyOf()));
    expect(first.headers.has('idempotent-replayed')).toBe(false);
    const repeated = holds('resolve', 'repeated', await send(bodyOf()));
    expect(repeated.headers.get('idempotent-replayed')).toBe('true');
    const payload = await payloadAtCore(contour, first.json.message_id);
    const webhook = operationsOf(document).find((one) => one.operationId === 'deliverToCore');
    const [content] = Object.values(webhook?.requestBody?.content ?? {});
    if (content === undefined) throw new Error('no body is documented for Core');
    expect(faultsOf(content.schema, payload)).toEqual([]);
    const example = { ...(content.examples?.telegram?.value as object) };
    expect(settled(payload)).toEqual(settled(example));
    const { headers } = contour.core.requests[0] ?? {};
    expect(headers).toMatchObject({
      'idempotency-key': first.json.message_id,
      'x-trace-id': 'trace_xyz789',
    });
    const url = `${contour.url}/messages/${first.json.message_id}`;
    await waitFor('its delivery', async () => (await get(url, SENDER)).json.state === 'delivered');
    holds('getMessage', 'delivered', await get(url, SENDER));
    holds('findMessages', 'found', await ask('GET', '/messages?trace_id=trace_xyz789'));
    holds('findMessages', 'none', await ask('GET', '/messages?trace_id=nobodys'));
  });

  test('to invalid requests', async () => {
    const invalid = bodyOf({ external_chat_id: null, profile_id: 'x', text: null, media: null });
    holds('resolve', 'invalid', await send(invalid));
    holds('resolve', 'unauthorized', await send(bodyOf(), {}));
    holds('resolve', 'message_conflict', await send(bodyOf({ text: 'Another text' })));
    holds('resolve', 'too_large', await send({ text: 'x'.repeat(256 * 1024) }));
    holds(
      'resolve',
      'unsupported_media_type',
      await send('x', { ...SENDER, 'content-type': 'text/plain' }),
    );
    const unknown = '0198c0de-0000-7000-8000-000000000000';
    holds('getMessage', 'not_found', await get(`${contour.url}/messages/${unknown}`, SENDER));
    holds('getMessage', 'unauthorized', await get(`${contour.url}/messages/${unknown}`));
    holds('findMessages', 'invalid', await ask('GET', '/messages'));
    holds('getDlqEntry', 'not_found', await ask('GET', '/dlq/nothing'));
    holds('replayDlqEntry', 'not_found', await ask('POST', '/dlq/nothing/replay'));
    holds('listDlq', 'invalid', await ask('GET', '/dlq?limit=0'));
    holds('clearDlq', 'invalid', await ask('DELETE', '/dlq'));
    holds('replayDlq', 'invalid', await ask('POST', '/dlq/replay', { limit: 0 }));
  });

  test.each([
    ['findMessages', 'GET', '/messages'],
    ['listDlq', 'GET', '/dlq'],
    ['clearDlq', 'DELETE', '/dlq'],
    ['getDlqEntry', 'GET', '/dlq/x'],
    ['replayDlqEntry', 'POST', '/dlq/x/replay'],
    ['replayDlq', 'POST', '/dlq/replay'],
    ['getMetrics', 'GET', '/metrics'],
  ])('%s wants an admin key', async (operationId, method, path) => {
    const answer = holds(operationId, 'unauthorized', await ask(method, path, undefined, SENDER));
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  test.each([
    ['clearDlq', 'DELETE', '/dlq'],
    ['replayDlq', 'POST', '/dlq/replay'],
  ])('%s wants a JSON body of some size', async (operationId, method, path) => {
    // Node sets Content-Length only for methods that usually have a body.
    const withBody = (body: string, type: string) => {
      const headers = { 'content-type': type, 'content-length': String(body.length) };
      return ask(method, path, body, { ...OPERATOR, ...headers });
    };
    const large = JSON.stringify({ reason: 'x'.repeat(256 * 1024) });
    holds(operationId, 'too_large', await withBody(large, 'application/json'));
    holds(operationId, 'unsupported_media_type', await withBody('x', 'text/plain'));
  });

  test('to an unknown credential, and about the parked message', async () => {
    holds('listDlq', 'nothing', await ask('GET', '/dlq'));
    const body = bodyOf(unknownCredential);
    holds('resolve', 'unknown_tenant', await send(body));
    const [entry] = holds('listDlq', 'page', await ask('GET', '/dlq')).json.items;
    holds('getDlqEntry', 'unknown_tenant', await ask('GET', `/dlq/${entry.id}`));
    holds('getMessage', 'parked', await get(`${contour.url}/messages/${entry.id}`, SENDER));
    const filter = { fingerprint: entry.account.fingerprint };
    holds('replayDlq', 'dry_run', await ask('POST', '/dlq/replay', { ...filter, dry_run: true }));
    holds('replayDlq', 'replayed', await ask('POST', '/dlq/replay', filter));
    holds('replayDlqEntry', 'replayed', await ask('POST', `/dlq/${entry.id}/replay`));
    holds('clearDlq', 'cleared', await ask('DELETE', `/dlq?fingerprint=${filter.fingerprint}`));
  });

  test('about messages that Core refuses or does not take yet', async () => {
    contour.core.behave(({ body }) => ({ status: body.includes('refused') ? 400 : 503 }));
    const dead = await send(another('refused', { text: 'refused', message_ids: ['1'] }));
    await waitFor('its end', async () => {
      const story = await get(`${contour.url}/messages/${dead.json.message_id}`, SENDER);
      return story.json.state === 'dead' && holds('getMessage', 'dead', story);
    });
    const pending = await send(another('delayed', { message_ids: ['1'] }));
    await waitFor('a first attempt', async () => {
      const story = await get(`${contour.url}/messages/${pending.json.message_id}`, SENDER);
      return story.json.attempts === 1 && holds('getMessage', 'pending', story);
    });
  });

  test('when the tenant is switched off', async () => {
    const { pool } = contour.database;
    await pool.query('update tenants set is_active = false where id = $1', [tenantId]);
    await waitFor('the switch', async () => {
      const answer = await send(another('off', { message_ids: [Math.random().toString()] }));
      return answer.status === 403 && holds('resolve', 'tenant_disabled', answer);
    });
    await pool.query('update tenants set is_active = true where id = $1', [tenantId]);
  });

  test('to monitoring', async () => {
    holds('getHealth', 'ok', await get(`${contour.url}/health`));
    holds('getLiveness', 'ok', await get(`${contour.url}/livez`));
    holds('getReadiness', 'ready', await get(`${contour.url}/readyz`));
    holds('getMetrics', 'example', await ask('GET', '/metrics'));
  });

  test('about itself', async () => {
    for (const [operationId, path] of [
      ['getReference', '/openapi.json'],
      ['getDocs', '/docs'],
    ] as const) {
      const answer = await get(`${contour.url}${path}`);
      if (operationId === 'getDocs') holds(operationId, 'example', answer);
      else holds(operationId, null, answer);
      const etag = String(answer.headers.get('etag'));
      holds(operationId, null, await get(`${contour.url}${path}`, { 'if-none-match': etag }));
    }
  });

  test('while there is no worker, and while a database is away', async () => {
    await Promise.all(contour.workers.map((worker) => worker.stop()));
    const narrow = await contour.startApi({
      RATE_LIMIT: '1',
      RESOLVE_WAIT_MS: '100',
      MAX_BACKLOG: '2',
    });
    const late = holds('resolve', 'not_yet', await send(another('late'), SENDER, narrow.url));
    expect(late.headers.get('retry-after')).toMatch(/^\d+$/);
    const refused = await waitFor('a 429', async () => {
      const answer = await send(another('late'), SENDER, narrow.url);
      return answer.status === 429 && answer;
    });
    holds('resolve', 'too_many_requests', refused);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    const queued = await waitFor('a 202', async () => {
      const answer = await send(another('queued'), ASYNC, narrow.url);
      return answer.status === 202 && holds('resolve', 'queued', answer);
    });
    expect(queued.headers.get('location')).toBe(queued.json.status_url);
    expect(queued.headers.get('preference-applied')).toBe('respond-async');
    holds('getMessage', 'queued', await get(`${contour.url}${queued.json.status_url}`, SENDER));
    await waitFor('a full queue', async () => {
      const answer = await send(another('full'), ASYNC, narrow.url);
      return answer.status === 503 && holds('resolve', 'unavailable', answer);
    });
    await waitFor('no worker', async () => {
      const answer = await get(`${contour.url}/health`);
      return answer.json.status === 'degraded' && holds('getHealth', 'degraded', answer);
    });

    await contour.redis.close();
    const id = '0198c0de-0000-7000-8000-000000000000';
    const asked: Array<[operationId: string, example: string, answer: Promise<Answer>]> = [
      ['getHealth', 'unavailable', get(`${contour.url}/health`)],
      ['getReadiness', 'unready', get(`${contour.url}/readyz`)],
      ['getMessage', 'redis_away', get(`${contour.url}/messages/${id}`, SENDER)],
    ];
    for (const [operationId, example, answer] of asked) holds(operationId, example, await answer);
    // The dead-letter queue is in Postgres: Redis may be away.
    holds('listDlq', 'nothing', await ask('GET', `/dlq?fingerprint=${'0'.repeat(64)}`));

    await contour.postgres?.stop();
    const askedAgain: Array<[operationId: string, answer: Promise<Answer>]> = [
      ['findMessages', ask('GET', '/messages?trace_id=x')],
      ['listDlq', ask('GET', '/dlq')],
      ['getDlqEntry', ask('GET', `/dlq/${id}`)],
      ['replayDlqEntry', ask('POST', `/dlq/${id}/replay`)],
      ['replayDlq', ask('POST', '/dlq/replay', {})],
      ['clearDlq', ask('DELETE', '/dlq?reason=invalid')],
    ];
    for (const [operationId, answer] of askedAgain) {
      holds(operationId, 'postgres_away', await answer);
    }
    await contour.postgres?.start();
  });

  test('and every documented status and example was seen here', () => {
    // A 500 is a bug: a test of the API provokes one. Core's answers are not ours.
    const isOurs = (place: { operationId: string; status: string }) =>
      place.status !== '500' && place.operationId !== 'deliverToCore';
    const places = placesOf(document).filter(isOurs);
    const unseen = places.map(({ operationId, status }) => `${operationId} ${status}`);
    expect(unseen.filter((place) => !seenPlaces.has(place))).toEqual([]);
    const examples = places
      .filter(({ operationId }) => operationId !== 'getReference')
      .flatMap(({ response }) => Object.values(response.content ?? {}).flatMap(examplesOf));
    expect(examples.filter(([, value]) => !seenExamples.has(value))).toEqual([]);
  });
});
