import { createHmac } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deferred, type Listener, readBody, startHttp } from '../../upstream/test/servers.ts';
import { type CoreOptions, createCore } from '../src/create-core.ts';

const message = {
  tenantId: 't-1',
  messageId: 'm-1',
  traceId: 'trace-1',
  body: '{"text":"Привет"}',
};

function coreAt(url: string, options: Partial<CoreOptions> = {}) {
  const core = createCore({ url, timeoutMs: 5000, connections: 4, ...options });
  onTestFinished(() => core.close());
  return core;
}

async function coreAnswering(listener: Listener, options: Partial<CoreOptions> = {}) {
  return coreAt(await startHttp(listener), options);
}

describe('what Core receives', () => {
  test('is the body byte for byte, at its path, with message id and trace id', async () => {
    const seen: object[] = [];
    const url = await startHttp(async (request, response) => {
      seen.push({ url: request.url, body: await readBody(request), ...request.headers });
      response.end();
    });
    const core = coreAt(`${url.replace('//', '//bot:p%40ss@')}/in?x=1`);
    expect(await core.push(message)).toMatchObject({ outcome: 'delivered', status: 200 });
    expect(seen).toMatchObject([
      {
        url: '/in?x=1',
        body: message.body,
        'content-type': 'application/json',
        'idempotency-key': 'm-1',
        'x-trace-id': 'trace-1',
        'user-agent': expect.stringMatching(/^contour\/\d+\.\d+\.\d+/),
        authorization: `Basic ${Buffer.from('bot:p@ss').toString('base64')}`,
      },
    ]);
    expect(seen[0]).not.toHaveProperty('webhook-signature');
  });

  test('is signed so that the receiver can verify it', async () => {
    const core = await coreAnswering(
      async (request, response) => {
        const { headers } = request;
        const body = await readBody(request);
        const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
        const mac = createHmac('sha256', 'a key').update(content).digest('base64');
        const valid =
          headers['webhook-signature'] === `v1,${mac}` &&
          headers['webhook-id'] === 'm-1' &&
          headers['webhook-timestamp'] === '1700000000';
        response.writeHead(valid ? 204 : 400).end();
      },
      { secret: `whsec_${Buffer.from('a key').toString('base64')}`, now: () => 1_700_000_000_999 },
    );
    expect(await core.push(message)).toMatchObject({ outcome: 'delivered', status: 204 });
  });
});

describe('what an answer means', () => {
  test.each([
    [500, {}, { outcome: 'retry', code: 'http_500' }],
    [503, { 'retry-after': '7' }, { outcome: 'retry', code: 'http_503', retryAfterMs: 7000 }],
    [429, { 'retry-after': '7' }, { outcome: 'postponed', code: 'http_429', delayMs: 7000 }],
    [400, {}, { outcome: 'refused', code: 'http_400' }],
  ])('%i has its verdict', async (status, headers, verdict) => {
    const core = await coreAnswering((_, response) =>
      response.writeHead(status, headers).end('no'),
    );
    const result = await core.push(message);
    expect(result).toMatchObject({ ...verdict, status, detail: `Core answered ${status}` });
  });

  test('a redirect is not followed, and waits until Core has accepted another message', async () => {
    const paths: (string | undefined)[] = [];
    const core = await coreAnswering(({ url }, response) => {
      paths.push(url);
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect(await core.push(message)).toMatchObject({ outcome: 'postponed', code: 'http_307' });
    expect(paths).toEqual(['/']);
  });

  test('a status about the way is final when another message has been accepted since', async () => {
    const core = await coreAnswering((request, response) => {
      const isRefused = request.headers['idempotency-key'] === 'm-1';
      response.writeHead(isRefused ? 401 : 200).end();
    });
    expect(await core.push(message)).toMatchObject({ outcome: 'postponed', status: 401 });
    await core.push({ ...message, messageId: 'm-2' });
    expect(core.acceptedAgoMs()).toBeGreaterThanOrEqual(0);
    expect(await core.push(message)).toMatchObject({
      outcome: 'refused',
      code: 'http_401',
      detail: 'Core answered 401',
    });
  });

  test('a Core that never answers is retried', async () => {
    const core = await coreAnswering(() => {}, { timeoutMs: 50 });
    expect(await core.push(message)).toMatchObject({
      outcome: 'retry',
      code: 'timeout',
      detail: 'no answer within 50 ms',
    });
  });

  test('a refused connection is retried, with the reason', async () => {
    const core = coreAt('http://127.0.0.1:1');
    expect(await core.push(message)).toMatchObject({
      outcome: 'retry',
      code: 'network',
      detail: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('a header that cannot be sent is refused at once', async () => {
    const core = await coreAnswering((_, response) => response.end());
    const result = await core.push({ ...message, traceId: 'a\nb' });
    expect(result).toMatchObject({ outcome: 'refused', code: 'unsendable' });
  });
});

describe('stopping', () => {
  test('a push under way costs no attempt and its connection is closed', async () => {
    const cut = deferred();
    const core = await coreAnswering((request) => {
      request.socket.once('close', () => cut.resolve());
      void core.close();
    });
    expect(await core.push(message)).toEqual({ outcome: 'aborted' });
    await cut.promise;
  });

  test('a push after the end sends nothing', async () => {
    const requests: unknown[] = [];
    const core = await coreAnswering((request, response) => {
      requests.push(request);
      response.end();
    });
    await core.close();
    expect(await core.push(message)).toEqual({ outcome: 'aborted' });
    expect(requests).toEqual([]);
  });

  test('an end after the 2xx does not change the result', async () => {
    const core = await coreAnswering((_, response) => void response.writeHead(200).write('drip'));
    // The first bytes of the body are there: its head has been read.
    const onChunk = () => void core.close();
    subscribe('undici:request:bodyChunkReceived', onChunk);
    onTestFinished(() => void unsubscribe('undici:request:bodyChunkReceived', onChunk));
    expect(await core.push(message)).toMatchObject({ outcome: 'delivered' });
  });
});

describe('the circuits', () => {
  /** A Core with this answer, and the logged changes of its circuits. */
  async function failing(status: number) {
    const state = { status, requests: 0 };
    const logged: object[] = [];
    const log = (fields: object) => void logged.push(fields);
    const core = await coreAnswering(
      (_, response) => {
        state.requests += 1;
        response.writeHead(state.status).end();
      },
      { logger: { info: log, warn: log }, circuits: { threshold: 4, firstPauseMs: 30, probes: 1 } },
    );
    const push = (tenantId: string) => core.push({ ...message, tenantId });
    return { core, state, logged, push };
  }

  test('a tenant is held back after failures in a row, until a probe succeeds', async () => {
    const { core, state, logged, push } = await failing(503);
    for (let i = 0; i < 4; i++) await push('a');
    expect(core.limits().rooms).toEqual([{ tenantId: 'a', room: 0 }]);
    expect(await push('a')).toEqual({ outcome: 'held' });
    expect(state.requests).toBe(4);
    expect(core.available()).toBe(true);

    state.status = 200;
    await expect.poll(() => core.limits().rooms[0]?.room, { interval: 5 }).toBe(1);
    const together = await Promise.all(['a', 'a', 'b'].map(push));
    expect(together.map(({ outcome }) => outcome)).toEqual(['delivered', 'held', 'delivered']);
    expect(logged).toEqual(
      ['open', 'half_open', 'closed'].map((circuit) => ({ circuit, tenant_id: 'a' })),
    );
  });

  test('all are held back after failures of several tenants', async () => {
    const { core, state, logged, push } = await failing(503);
    for (const tenantId of ['a', 'b', 'c', 'd']) await push(tenantId);
    expect(core.available()).toBe(false);
    expect(await push('e')).toEqual({ outcome: 'held' });
    state.status = 200;
    await expect.poll(() => core.available(), { interval: 5 }).toBe(true);
    expect(await push('e')).toMatchObject({ outcome: 'delivered' });
    expect(logged).toEqual(['open', 'half_open', 'closed'].map((circuit) => ({ circuit })));
  });

  test.each([400, 404, 422, 429])('stay closed on %i: Core is there', async (status) => {
    const { core, push } = await failing(status);
    for (let i = 0; i < 6; i++) await push('a');
    expect(core.circuits()).toEqual({ isOpen: false, openTenants: 0 });
  });

  test.each([302, 401, 403, 405, 407, 500])('count %i', async (status) => {
    const { core, push } = await failing(status);
    for (let i = 0; i < 4; i++) await push('a');
    expect(core.circuits()).toEqual({ isOpen: true, openTenants: 1 });
  });

  test('do not count refusals of one tenant while Core accepts messages of others', async () => {
    const core = await coreAnswering(
      ({ headers }, response) =>
        void response.writeHead(headers['x-trace-id'] === 'a' ? 403 : 200).end(),
      { circuits: { threshold: 4 } },
    );
    const push = (tenantId: string, messageId: string) =>
      core.push({ ...message, tenantId, messageId, traceId: tenantId });
    for (let i = 0; i < 10; i++) {
      expect(await push('a', `${i}`)).toMatchObject({ outcome: 'postponed' });
      expect(await push('b', `other ${i}`)).toMatchObject({ outcome: 'delivered' });
    }
    expect(core.limits().rooms).toEqual([]);
    expect(await push('a', '0')).toMatchObject({ outcome: 'refused' });
  });

  test('count time-outs and broken connections', async () => {
    const core = await coreAnswering(({ socket }) => void socket.destroy(), {
      circuits: { threshold: 2 },
    });
    for (let i = 0; i < 2; i++) await core.push(message);
    expect(await core.push(message)).toEqual({ outcome: 'held' });
  });
});
