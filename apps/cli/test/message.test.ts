import { randomUUID } from 'node:crypto';
import { createProducer } from '@contour/queue';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Contour, startContour } from '../../../test/support/contour.ts';
import { idOf, messageTo } from '../../../test/support/messages.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { resolve } from '../../../test/support/send.ts';
import { makeCredential, type TestTenant } from '../../../test/support/tenants.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { contourHere } from './contour-here.ts';

let house: Contour;
let tenant: TestTenant;

beforeAll(async () => {
  house = await startContour();
  tenant = await house.addTenant();
});
afterAll(() => house?.close());

const env = () => ({ DATABASE_URL: house.database.url, REDIS_URL: house.redis.url });

async function show(...args: string[]) {
  const ran = await contourHere(['message', 'show', ...args], env());
  expect(ran.stdout + ran.stderr).not.toMatch(/secret-telegram/);
  return ran;
}

/** Waits until the story of a message matches, and returns it. */
function told(id: string, what: RegExp): Promise<string> {
  return waitFor(String(what), async () => {
    const { stdout } = await show(id);
    return what.test(stdout) && stdout;
  });
}

const TIME = String.raw`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z`;

test('the story of a message that Core accepted at the second attempt goes from receipt to delivery', async () => {
  house.core.behave((_request, nth) => ({ status: nth === 1 ? 503 : 200 }));
  onTestFinished(() => house.core.behave(() => ({ status: 200 })));
  const body = messageTo(tenant.accounts.telegram, {
    trace_id: `trace-${randomUUID()}`,
    timestamp: new Date(Date.now() - 90_000).toISOString(),
    text: 'only its reader has to read this',
  });
  await resolve(house.url, body);
  const story = await told(idOf(body), /delivered +attempt 2$/m);
  const lines = story.trimEnd().split('\n');
  expect(lines[0]).toBe(`${idOf(body)}  delivered`);
  expect(story).toMatch(/^ {2}tenant +tenant \d+, [0-9a-f-]{36}$/m);
  expect(lines.slice(-4)).toEqual([
    expect.stringMatching(new RegExp(`^  ${TIME} +received +9\\d\\.\\d s after it was written$`)),
    expect.stringMatching(
      new RegExp(`^  ${TIME} +[+-]\\d+ ms +resolved +new client, new dialog, seq 1$`),
    ),
    expect.stringMatching(
      new RegExp(`^  ${TIME} +\\+[\\d.]+ m?s +attempt failed +attempt 1: http_503 after \\d+ ms$`),
    ),
    expect.stringMatching(new RegExp(`^  ${TIME} +\\+[\\d.]+ m?s +delivered +attempt 2$`)),
  ]);
  expect(story).not.toContain('only its reader');
  const built = await runContour(['message', 'show', idOf(body), '--text'], env());
  expect(built).toMatchObject({ code: 0, stderr: '' });
  expect(built.stdout).toMatch(/^ {4}only its reader has to read this$/m);

  const { messages } = JSON.parse((await show(String(body.trace_id), '--json')).stdout);
  expect(messages).toMatchObject([{ message_id: idOf(body), state: 'delivered', attempts: 2 }]);
  expect(messages[0].events.map(({ what }: { what: string }) => what)).toEqual([
    'received',
    'resolved',
    'attempt failed',
    'delivered',
  ]);
  expect(messages[0]).not.toHaveProperty('text');
});

test('a trace shows all its messages: the next attempt, and what waits behind it', async () => {
  house.core.behave(() => ({ status: 503, headers: { 'retry-after': '600' } }));
  onTestFinished(() => house.core.behave(() => ({ status: 200 })));
  const fields = { trace_id: `trace-${randomUUID()}`, external_chat_id: randomUUID() };
  const first = messageTo(tenant.accounts.telegram, fields);
  const second = messageTo(tenant.accounts.telegram, fields);
  await resolve(house.url, first);
  await told(idOf(first), /attempt failed/);
  await resolve(house.url, second);
  const both = (await show(fields.trace_id)).stdout;
  expect(both).toMatch(/next attempt +attempt 2$/m);
  expect(both).toContain(`\n\n${idOf(second)}  pending\n`);
  expect(both).toMatch(/resolved +client known by its channel, open dialog, seq 2$/m);
  expect(both).toContain(
    `1 of its dialog go first; next is seq 1, ${idOf(first)}, which failed with http_503\n`,
  );
});

test('a message that Core refused is dead and parked, and one of an unknown account is parked', async () => {
  house.core.behave(() => ({ status: 422 }));
  onTestFinished(() => house.core.behave(() => ({ status: 200 })));
  const dead = messageTo(tenant.accounts.telegram);
  await resolve(house.url, dead);
  const story = await told(idOf(dead), /given up after 1 attempts$/m);
  expect(story).toMatch(/parked +core_refused: /);
  expect(story.startsWith(`${idOf(dead)}  dead\n`)).toBe(true);

  const stranger = { ...tenant.accounts.telegram, credential: makeCredential('telegram') };
  const unknown = messageTo(stranger, { trace_id: `trace-${randomUUID()}` });
  await resolve(house.url, unknown);
  const parked = (await show(String(unknown.trace_id))).stdout;
  expect(parked).toMatch(/parked +unknown_tenant: no tenant has this credential$/m);
  expect(parked).toContain('contour channel add <tenant> telegram lets it in by itself');
});

test('a message that waits to be resolved is queued', async () => {
  const producer = createProducer({ redisUrl: house.redis.url, onError: () => {} });
  onTestFinished(() => producer.close());
  const messageId = randomUUID();
  await producer.noteQueued({
    messageId,
    traceId: 'queued',
    receivedAt: '2024-12-10T10:00:15.000Z',
  });
  const { code, stdout } = await show(messageId);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\S+ {2}queued\n[\s\S]*2024-12-10 10:00:15\.000Z +received\n/);
});

test('an unknown id is one line, and ends with 1', async () => {
  const stderr = 'contour: no message has this id or trace\n';
  const unknown = { code: 1, stdout: '', stderr };
  expect(await show(randomUUID())).toEqual(unknown);
  expect(await runContour(['message', 'show', 'trace-of-no-message'], env())).toEqual(unknown);
});

test('a server that is away, or a missing setting, is named', async () => {
  // Queued messages are searched in Redis by their id.
  const away = await contourHere(['message', 'show', randomUUID()], {
    ...env(),
    REDIS_URL: 'redis://127.0.0.1:1',
  });
  expect(away.code).toBe(3);
  expect(away.stderr).toMatch(/^contour: Redis at 127\.0\.0\.1:1: .*ECONNREFUSED/);
  const alsoAway = await contourHere(['message', 'show', 'x'], {
    ...env(),
    DATABASE_URL: 'postgres://127.0.0.1:1/contour',
  });
  expect(alsoAway.stderr).toMatch(/^contour: Postgres at 127\.0\.0\.1:1\/contour: .*ECONNREFUSED/);
  const missing = await contourHere(['message', 'show', 'x']);
  expect(missing.code).toBe(2);
  expect(missing.stderr).toMatch(/DATABASE_URL +is required\n.*REDIS_URL +is required\n/);
  expect((await contourHere(['message', 'show'])).code).toBe(2);
});
