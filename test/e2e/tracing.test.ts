import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { freePort } from '../support/free-port.ts';
import { idOf, messagesOf, messageTo } from '../support/messages.ts';
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from '../support/otlp-receiver.ts';
import { withRedis } from '../support/redis-client.ts';
import { resolve, startLoad } from '../support/send.ts';
import { payloadAtCore, storyIn } from '../support/story.ts';
import { streamOf, withFingerprint } from '../support/streams.ts';
import type { TestAccount, TestTenant } from '../support/tenants.ts';
import { waitFor } from '../support/wait-for.ts';

const SERVER = 2;
const CLIENT = 3;
const CONSUMER = 5;

let receiver: OtlpReceiver;
let contour: Contour;
let tenant: TestTenant;
let account: TestAccount;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-token=a%20b',
    SHUTDOWN_MS: '5000',
  };
  contour = await startContour({ env });
  tenant = await contour.addTenant();
  account = tenant.accounts.telegram;
});
afterAll(async () => {
  await contour?.close();
  await receiver?.close();
});
beforeEach(() => {
  receiver.answer(200);
  contour.core.behave(() => ({ status: 200 }));
});

const makeTraceparent = (flags = '01') => {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
};

/** Waits for this many spans of a trace. Returns them in the order of their start. */
const spansOf = (traceId: string, count: number): Promise<ReceivedSpan[]> =>
  waitFor(`${count} spans of ${traceId}`, () => {
    const spans = receiver.spans.filter((span) => span.traceId === traceId);
    return spans.length >= count && spans.sort((a, b) => a.startedAtMs - b.startedAtMs);
  });

const atCore = (messageId: string, { core } = contour) =>
  core.requests.filter(({ key }) => key === messageId);

const named = (spans: ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);

test('a message and each attempt at Core are one tree under the span of its sender', async () => {
  contour.core.behave((_request, nth) => ({ status: nth === 1 ? 503 : 200 }));
  const { traceId, spanId, traceparent } = makeTraceparent();
  const body = messageTo(account, { trace_id: 'trace-of-ours', text: 'a very private text' });
  const { json } = await resolve(contour.url, body, { traceparent });
  await storyIn(contour, json.message_id, 'delivered');

  const spans = await spansOf(traceId, 4);
  expect(spans.map(({ name }) => name)).toEqual(['POST /resolve', 'resolve', 'deliver', 'deliver']);
  const [api, resolved, first, second] = spans as [
    ReceivedSpan,
    ReceivedSpan,
    ReceivedSpan,
    ReceivedSpan,
  ];
  expect(spans.map((span) => span.parentSpanId)).toEqual([
    spanId,
    api.spanId,
    resolved.spanId,
    resolved.spanId,
  ]);
  expect(new Set(spans.map((span) => span.spanId)).size).toBe(4);
  expect(spans.map(({ kind }) => kind)).toEqual([SERVER, CONSUMER, CLIENT, CLIENT]);
  expect(spans.map(({ isError }) => isError)).toEqual([false, false, true, false]);
  expect([api.service, resolved.service]).toEqual(['contour-api', 'contour-worker']);
  for (const span of spans) {
    expect(span.endedAtMs).toBeGreaterThanOrEqual(span.startedAtMs);
    expect(Math.abs(span.startedAtMs - Date.now())).toBeLessThan(60_000);
  }

  const ids = { 'contour.message_id': json.message_id, 'contour.trace_id': 'trace-of-ours' };
  for (const span of spans) expect(span.attributes).toMatchObject(ids);
  expect(api.attributes).toMatchObject({
    'contour.channel': 'telegram',
    'contour.outcome': 'accepted',
    'http.response.status_code': 200,
  });
  expect(resolved.attributes).toMatchObject({
    'contour.channel': 'telegram',
    'contour.tenant_id': tenant.id,
    'contour.outcome': 'resolved',
    'contour.queue_wait_ms': expect.any(Number),
    'messaging.batch.message_count': 1,
  });
  expect(first.attributes).toMatchObject({ 'contour.outcome': 'retry', 'error.type': 'http_503' });
  expect(second.attributes).toMatchObject({ 'contour.outcome': 'delivered', 'contour.attempt': 2 });

  // Core's parent is the attempt that brought the message. The payload has no trace context.
  const requests = atCore(json.message_id);
  expect(requests.map(({ headers }) => headers.traceparent)).toEqual(
    [first, second].map((span) => `00-${traceId}-${span.spanId}-01`),
  );
  expect(requests[0]?.body).not.toContain(traceId);
  expect(contour.core.unequalKeys()).toEqual([]);

  expect(new Set(receiver.tokens)).toEqual(new Set(['a b']));
  const sent = receiver.bodies.join('\n');
  for (const secret of [account.credential, account.fingerprint, 'a very private text']) {
    expect(sent).not.toContain(secret);
  }
});

test('a message without a traceparent starts a trace with the id of the message', async () => {
  const { json } = await resolve(contour.url, messageTo(account), { traceparent: '00-nonsense' });
  const spans = await spansOf(json.message_id.replaceAll('-', ''), 3);
  expect(spans[0]?.parentSpanId).toBeUndefined();
  expect(spans[1]?.parentSpanId).toBe(spans[0]?.spanId);
  expect(spans[2]?.parentSpanId).toBe(spans[1]?.spanId);
});

test('an unsampled trace of the sender is not recorded, and Core gets the flag', async () => {
  const { traceparent } = makeTraceparent('00');
  const { json } = await resolve(contour.url, messageTo(account), { traceparent });
  await payloadAtCore(contour, json.message_id);
  expect(atCore(json.message_id)[0]?.headers.traceparent).toBe(traceparent);
  const later = await resolve(contour.url, messageTo(account));
  await spansOf(later.json.message_id.replaceAll('-', ''), 3);
  expect(receiver.bodies.join('\n')).not.toContain(traceparent.slice(3, 35));
});

test('a duplicate has a span in its own trace, and Core gets only the first trace', async () => {
  const [first, second] = [makeTraceparent(), makeTraceparent()];
  const body = messageTo(account);
  const { json } = await resolve(contour.url, body, { traceparent: first.traceparent });
  await resolve(contour.url, body, { traceparent: second.traceparent });
  const spans = await spansOf(second.traceId, 2);
  expect(named(spans, 'resolve')[0]?.attributes['contour.outcome']).toBe('replayed');
  await storyIn(contour, json.message_id, 'delivered');
  expect(atCore(json.message_id)).toHaveLength(1);
  expect(atCore(json.message_id)[0]?.headers.traceparent).toContain(first.traceId);
});

test('a refusal has a span, too, and it is an error only for a 5xx', async () => {
  const { traceId, traceparent } = makeTraceparent();
  await resolve(contour.url, { channel: 'fax' }, { traceparent });
  await resolve(contour.url, messageTo({ ...account, credential: 'nobodys' }), { traceparent });
  const spans = named(await spansOf(traceId, 3), 'POST /resolve');
  expect(spans.map((span) => span.attributes['contour.outcome'])).toEqual([
    'invalid',
    'unknown_tenant',
  ]);
  expect(spans.map((span) => span.attributes['http.response.status_code'])).toEqual([400, 404]);
  expect(spans.some(({ isError }) => isError)).toBe(false);
});

test('an entry of a stream names its traceparent in its body', async () => {
  const { traceId, spanId, traceparent } = makeTraceparent();
  const body = withFingerprint(messageTo(account), account);
  await withRedis(contour.redis.url, (run) =>
    run('XADD', streamOf(body), '*', 'message', JSON.stringify({ ...body, traceparent })),
  );
  const spans = await spansOf(traceId, 2);
  expect(spans.map(({ name }) => name)).toEqual(['resolve', 'deliver']);
  expect(spans[0]?.parentSpanId).toBe(spanId);
});

test('messages are delivered while a collector hangs, fails or is away', async () => {
  // Another worker, whose collector does not exist: it must not wait for it.
  const away = `http://127.0.0.1:${await freePort()}`;
  const worker = await contour.startWorker({ OTEL_EXPORTER_OTLP_ENDPOINT: away });
  const accepted = [];
  for (const answer of [500, 503, 'hang'] as const) {
    receiver.answer(answer);
    const { length } = receiver.bodies;
    const messages = messagesOf(account, { count: 100, chats: 10 });
    const load = await startLoad({ urls: contour.urls, messages, concurrency: 20 }).done;
    expect(load.trail.every(({ status }) => status === 200)).toBe(true);
    accepted.push(...load.accepted);
    const wasHeard = () => answer === 'hang' || receiver.bodies.length > length;
    await waitFor(`an answer of ${answer}`, wasHeard);
  }
  for (const { messageId } of accepted) await payloadAtCore(contour, messageId);
  expect(await contour.check({ accepted })).toEqual([]);
  await waitFor('the log line', () => worker.output().includes('tracing.export_failed'));
  await worker.stop();
});

test('the remaining spans are sent when a process stops', async () => {
  const { traceId, traceparent } = makeTraceparent();
  // Another API: exports of the first one may still wait for the collector that hung.
  const api = await contour.startApi();
  const { json } = await resolve(api.url, messageTo(account), { traceparent });
  await storyIn(contour, json.message_id, 'delivered');
  await api.stop();
  const spans = receiver.spans.filter((span) => span.traceId === traceId);
  expect(named(spans, 'POST /resolve')).toHaveLength(1);
});

test('without a collector Core gets the traceparent of the sender', async () => {
  const plain = await startContour();
  onTestFinished(() => plain.close());
  const own = (await plain.addTenant()).accounts.telegram;
  const { traceparent } = makeTraceparent();
  const { json } = await resolve(plain.url, messageTo(own), { traceparent });
  const bare = await resolve(plain.url, messageTo(own), { traceparent: 'nonsense' });
  for (const { message_id } of [json, bare.json]) await storyIn(plain, message_id, 'delivered');
  expect(atCore(json.message_id, plain)[0]?.headers.traceparent).toBe(traceparent);
  expect(atCore(bare.json.message_id, plain)[0]?.headers).not.toHaveProperty('traceparent');

  // Jobs of an older API have no such field.
  const body = withFingerprint(messageTo(own), own);
  await withRedis(plain.redis.url, (run) =>
    run('XADD', streamOf(body), '*', 'message', JSON.stringify({ ...body, traceparent: 5 })),
  );
  await payloadAtCore(plain, idOf({ ...body, bot_token: own.credential }));
});
