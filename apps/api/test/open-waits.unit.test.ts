import type { AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { createOpenWaits } from '../src/intake.ts';
import { appBundle, seed, workerSaying } from './app-bundle.ts';

/** An API on a port, whose worker never replies. */
async function waitingApi() {
  const openWaits = createOpenWaits();
  const worker = workerSaying(() => ({ kind: 'unknown_tenant' }));
  const lines: object[] = [];
  const logger = {
    debug() {},
    warn() {},
    error() {},
    info: (line: object) => void lines.push(line),
  };
  const app = appBundle({ replies: worker.replies, openWaits, waitMs: 60_000, logger });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/resolve`;
  const send = (signal?: AbortSignal) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(seed),
      ...(signal === undefined ? {} : { signal }),
    });
  return { app, openWaits, waiting: worker.waiting, send, lines };
}

test('a sender that hangs up leaves no wait behind, and one log line', async () => {
  const { openWaits, waiting, send, lines } = await waitingApi();
  const hangUp = new AbortController();
  const calls = Array.from({ length: 20 }, () => send(hangUp.signal));
  await vi.waitFor(() => expect(openWaits.size).toBe(20));
  hangUp.abort();
  await Promise.allSettled(calls);
  await vi.waitFor(() => expect([openWaits.size, waiting.size]).toEqual([0, 0]));
  await vi.waitFor(() => expect(lines).toHaveLength(20));
  expect(lines[0]).toMatchObject({ status: null, code: 'hung_up', trace_id: seed.trace_id });
});

test('when the process ends, requests that still wait are answered that the message is queued', async () => {
  const { app, openWaits, send } = await waitingApi();
  const call = send();
  await vi.waitFor(() => expect(openWaits.size).toBe(1));
  const closed = app.close();
  await vi.waitFor(() => expect(app.server.listening).toBe(false));
  openWaits.cancelAll();
  const answer = await call;
  expect(await answer.json()).toMatchObject({ status: 503, code: 'not_yet' });
  expect(answer.headers.get('connection')).toBe('close');
  await closed;
});
