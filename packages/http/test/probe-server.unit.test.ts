import { expect, onTestFinished, test } from 'vitest';
import { startProbeServer } from '../src/probe-server.ts';

async function probing(metrics: () => Promise<string>) {
  const exposition = { contentType: 'text/plain; version=0.0.4', metrics };
  const server = await startProbeServer('127.0.0.1', 0, exposition);
  onTestFinished(() => server.close());
  return (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
}

test('a process without other endpoints answers /livez and /metrics, and nothing else', async () => {
  const get = await probing(async () => 'messages_total 1\n');
  expect(await (await get('/livez')).json()).toEqual({ status: 'ok' });
  const metrics = await get('/metrics?x=1');
  expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4');
  expect(await metrics.text()).toBe('messages_total 1\n');
  expect((await get('/health')).status).toBe(404);
});

test('metrics that cannot be written are a 500, and the process stays alive', async () => {
  const get = await probing(() => Promise.reject(new Error('no metrics')));
  expect((await get('/metrics')).status).toBe(500);
  expect((await get('/livez')).status).toBe(200);
});
