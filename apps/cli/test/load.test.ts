import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startContour } from '../../../test/support/contour.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { contourHere } from './contour-here.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const CREDENTIAL = 'a-credential-of-no-tenant-1';

type Taken = { at: number; headers: IncomingHttpHeaders; body: Record<string, unknown> };

/** A server that answers like the API; `statusOf` undefined is no answer. */
async function listen(statusOf: (nth: number) => number | undefined, delayMs = 0) {
  const taken: Taken[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString());
      taken.push({ at: performance.now(), headers: request.headers, body });
      const status = statusOf(taken.length);
      if (status === undefined) return;
      setTimeout(() => response.writeHead(status).end('{}'), delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, taken };
}

const load = (url: string, args: string[], env = {}, input = CREDENTIAL) =>
  contourHere(['load', '--url', url, ...args], env, input);

test('messages come at the given rate from the given number of chats, each with its own id', async () => {
  const { url, taken } = await listen(() => 200);
  const asked = ['--rate', '100', '--count', '50', '--chats', '3', '--new-share', '0.2', '--json'];
  const { code, stdout, stderr } = await load(url, asked, { API_KEY: 'the-key' });
  expect(code).toBe(0);
  const summary = JSON.parse(stdout);
  expect(summary).toMatchObject({
    asked: { count: 50, rate: 100 },
    sent: 50,
    statuses: { 200: 50 },
    errors: {},
  });
  const { p50, p90, p99, max } = summary.latency_ms;
  expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].toSorted((a, b) => a - b));
  expect(stderr).toContain(`contour: ${summary.run} writes 50 real messages to 127.0.0.1:`);
  expect(stderr).toMatch(/Sending .* 50 of 50 /);
  expect(stdout + stderr).not.toContain(CREDENTIAL);
  expect(stdout + stderr).not.toContain('the-key');

  // The last one is due 490 ms after the first.
  expect((taken.at(-1)?.at ?? 0) - (taken[0]?.at ?? 0)).toBeGreaterThan(300);
  expect(new Set(taken.map(({ body }) => String(body.message_ids))).size).toBe(50);
  const chats = new Set(taken.map(({ body }) => String(body.external_chat_id)));
  expect([...chats].filter((chat) => chat.startsWith(summary.run))).toHaveLength(10);
  expect([...chats].filter((chat) => /^load-[123]$/.test(chat))).toHaveLength(3);
  expect(taken[0]).toMatchObject({
    headers: { authorization: 'Bearer the-key' },
    body: { channel: 'telegram', bot_token: CREDENTIAL },
  });
});

test('slow answers do not slow down the sending, and latency counts from the due time', async () => {
  const { url, taken } = await listen(() => 200, 400);
  const { stdout } = await load(url, ['--rate', '100', '--count', '30', '--json']);
  expect(taken).toHaveLength(30);
  const { seconds, latency_ms: latency } = JSON.parse(stdout);
  expect(seconds).toBeLessThan(5); // one after another they would take 12
  expect(latency.p50).toBeGreaterThanOrEqual(399);
});

test('an answer other than 200 is counted, and the command ends with 1', async () => {
  const { url } = await listen((nth) => (nth % 2 === 0 ? 429 : 200));
  const { code, stdout } = await load(url, ['--rate', '200', '--count', '10']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^sent +10 of 10 in [\d.]+ s$/m);
  expect(stdout).toMatch(/^rate +[\d.]+\/s accepted, 200\/s asked for$/m);
  expect(stdout).toMatch(/^answers +5 × 200, 5 × 429$/m);
  expect(stdout).toMatch(/^errors +none$/m);
  expect(stdout).toMatch(/^latency +p50 [\d.]+ ms, p90 [\d.]+ ms, p99 [\d.]+ ms, max [\d.]+ ms$/m);
});

test('without a server each message is an error, and the others are sent, too', async () => {
  const { code, stdout } = await load('http://127.0.0.1:1', ['--rate', '500', '--count', '5']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^errors +5 × ECONNREFUSED$/m);
  expect(stdout).toMatch(/^latency +none: nothing was answered$/m);
});

test('Ctrl-C ends the sending, and the results so far are shown', async () => {
  const { url, taken } = await listen((nth) => (nth <= 3 ? 200 : undefined));
  const args = ['load', '--url', url, '--rate', '50', '--count', '1000', '--json'];
  const child = spawn(process.execPath, [MAIN, ...args], { env: {} });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stdout = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.resume();
  child.stdin.end(CREDENTIAL);
  await expect.poll(() => taken.length, { timeout: 15_000 }).toBeGreaterThan(5);
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ sent: 3, statuses: { 200: 3 }, errors: {} });
});

test('a running system accepts every message, also of a second run', async () => {
  const house = await startContour({ env: { API_KEYS: 'load:the-key' } });
  onTestFinished(() => house.close());
  const { accounts } = await house.addTenant();
  const folder = await mkdtemp(join(tmpdir(), 'contour-load-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'credential');
  await writeFile(file, `${accounts.vk.credential}\n`);
  const args = [
    '--channel',
    'vk',
    '--file',
    file,
    '--rate',
    '100',
    '--count',
    '40',
    '--chats',
    '4',
  ];
  for (const how of [runContour, contourHere]) {
    const typed = ['load', '--url', house.url, ...args];
    const { code, stdout } = await how(typed, { API_KEY: 'the-key' });
    expect(stdout).toMatch(/^answers +40 × 200$/m);
    expect(code).toBe(0);
  }
  const { rows } = await house.database.pool.query(
    'select (select count(*)::int from messages) as messages, (select count(*)::int from clients) as clients',
  );
  expect(rows).toEqual([{ messages: 80, clients: 4 + 2 * 4 }]);
});
