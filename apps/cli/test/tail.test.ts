import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, inject, onTestFinished, test } from 'vitest';
import { startContour } from '../../../test/support/contour.ts';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { type Body, messageTo } from '../../../test/support/messages.ts';
import { withRedis } from '../../../test/support/redis-client.ts';
import { runContour as contour } from '../../../test/support/run-contour.ts';
import { resolve } from '../../../test/support/send.ts';
import { startTestRedis } from '../../../test/support/servers.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Several processes start side by side, beside other tests. */
const SLOW_START = { deadlineMs: 60_000 };

/** A `contour tail` that runs until it is interrupted. */
function startTail(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN, 'tail', ...args], { env });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      out[name] += text;
    });
  }
  const end = new Promise<number | null>((done) => child.once('close', done));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await end;
  });
  return {
    out,
    answered: () =>
      waitFor('an answer', () => out.stderr.includes('1 API and 1 worker answer'), SLOW_START),
    interrupt: async () => {
      child.kill('SIGINT');
      return end;
    },
  };
}

/** The sums of `tail --json` for one tenant; null is the unknown accounts. */
function sumOf(stdout: string, tenantId: string | null): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const line of stdout.split('\n').filter((text) => text.endsWith('}'))) {
    const { at: _, tenant: _t, tenant_id, parked, ...counts } = JSON.parse(line);
    if (tenant_id !== tenantId) continue;
    for (const [name, count] of Object.entries({ ...counts, ...parked })) {
      sum[name] = (sum[name] ?? 0) + Number(count);
    }
  }
  return sum;
}

test('every event is counted once, for its tenant, and only while a tail runs', async () => {
  const system = await startContour();
  onTestFinished(system.close);
  const [tenant, quiet] = [await system.addTenant(), await system.addTenant()];
  const account = tenant.accounts.telegram;
  system.core.behave(({ body }, nth) => {
    if (body.includes('refused')) return { status: 400 };
    return { status: body.includes('later') && nth === 1 ? 500 : 200 };
  });
  const send = (body: Body) => resolve(system.url, body);
  await send(messageTo(account, { text: 'before a tail runs' }));

  const env = { DATABASE_URL: system.database.url, REDIS_URL: system.redis.url };
  const [json, lines, other] = [
    startTail(['--json'], env),
    startTail([], env),
    startTail(['--json', '--tenant', quiet.id], env),
  ];
  await Promise.all([json.answered(), lines.answered(), other.answered()]);
  const first = messageTo(account);
  const unknown = messageTo({ ...account, credential: 'of-unknown' });
  await Promise.all(
    [
      first,
      unknown,
      ...['later', 'refused', 'x', 'y'].map((text) => messageTo(account, { text })),
    ].map(send),
  );
  await send(first);
  await send(messageTo(quiet.accounts.vk));

  await waitFor('the counts', () => sumOf(json.out.stdout, tenant.id).delivered === 4, SLOW_START);
  expect(await json.interrupt()).toBe(0);
  expect(await lines.interrupt()).toBe(0);
  expect(await other.interrupt()).toBe(0);
  expect(sumOf(json.out.stdout, tenant.id)).toEqual({
    ...{ accepted: 6, resolved: 5, replayed: 1, delivered: 4, failing: 2, dead: 1 },
    core_refused: 1,
  });
  expect(sumOf(json.out.stdout, null)).toMatchObject({
    accepted: 1,
    unknown_tenant: 1,
    resolved: 0,
  });
  expect(lines.out.stdout).toMatch(
    /^\d\d:\d\d:\d\d {2}tenant \d+ {2}accepted \d+ {2}resolved \d+ .*delivered \d+ {2}failing \d+ {2}dead \d+/m,
  );
  expect(lines.out.stderr).toBe('contour: 1 API and 1 worker answer\n');
  expect(sumOf(other.out.stdout, quiet.id)).toMatchObject({ accepted: 1, resolved: 1 });
  expect(sumOf(other.out.stdout, tenant.id)).toEqual({});

  await withRedis(system.redis.url, async (redis) => {
    expect(await redis('PUBSUB', 'NUMSUB', 'contour:tail')).toEqual(['contour:tail', 0]);
  });
});

test('after 3 s without an answer tail says so, and with --for it ends with 1', async () => {
  const { url, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  // All databases of a Redis share its channels, so this test needs a Redis of its own.
  const redis = await startTestRedis();
  onTestFinished(redis.close);
  const env = { DATABASE_URL: url, REDIS_URL: redis.url };
  const { code, stdout, stderr } = await contour(['tail', '--for', '5'], env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^contour: no process has answered for 3 s: .*REDIS_URL\?\n$/);
});
