import { setTimeout as delay } from 'node:timers/promises';
import { expect, inject, it, onTestFinished } from 'vitest';
import { auditAdopted } from '../../support/adopted-database.ts';
import { check } from '../../support/checker.ts';
import { startFakeCore } from '../../support/fake-core.ts';
import { freePort } from '../../support/free-port.ts';
import { createLegacyDatabase } from '../../support/legacy-database.ts';
import { type Body, idOf, messageTo } from '../../support/messages.ts';
import { startOldSystem } from '../../support/old-system.ts';
import { type BuiltProcess, runBuilt } from '../../support/processes.ts';
import { runContour } from '../../support/run-contour.ts';
import { type Accepted, resolve } from '../../support/send.ts';
import { startTestRedis } from '../../support/servers.ts';
import { waitFor } from '../../support/wait-for.ts';

const CLIENTS = 1_000_000;
const HOUR = 3_600_000;
const AFTERWARDS_MS = 10_000;
const PACE_MS = 50;

/** Violations that another system's rows cause: its messages are not in our ledger. */
const INHERITED = new Set(['empty_dialog', 'client_without_identity']);

/** A supervisor: a worker that gets nothing done for a minute ends itself and is restarted. */
function keepRunning(start: () => BuiltProcess) {
  let current = start();
  let isOver = false;
  const watch = async () => {
    while (!isOver) {
      await current.end;
      if (!isOver) current = start();
    }
  };
  const watched = watch();
  return {
    async stop() {
      isOver = true;
      await current.stop();
      await watched;
    },
  };
}

/** The API and a worker, started before the adoption. */
async function startContour(url: string) {
  const redis = await startTestRedis();
  onTestFinished(redis.close);
  const core = await startFakeCore();
  onTestFinished(core.close);
  const [port, workerPort] = [await freePort(), await freePort()];
  const env = { NODE_ENV: 'test', DATABASE_URL: url, REDIS_URL: redis.url, CORE_URL: core.url };
  const api = runBuilt('api', port, { ...env, PORT: String(port) });
  const worker = keepRunning(() =>
    runBuilt('worker', workerPort, { ...env, WORKER_PORT: String(workerPort) }),
  );
  const isLive = async () => (await fetch(`${api.url}/livez`)).ok;
  await waitFor('the API', isLive, { deadlineMs: 60_000 });
  return { api, core, stop: () => Promise.all([api.stop(), worker.stop()]) };
}

/** Sends without waiting for the outcome, every other message from a known chat. */
function startSender(apiUrl: string) {
  const account = {
    id: 1,
    channel: 'telegram',
    credential: 'legacy-credential-0',
    fingerprint: '',
  } as const;
  const accepted: Accepted[] = [];
  const sent = new Set<string>();
  let isOver = false;
  const send = async () => {
    for (let n = 0; !isOver; n += 1) {
      const chat = n % 2 === 0 ? `user-${(n * 4) % CLIENTS}` : `fresh-${n % 500}`;
      const body: Body = messageTo(account, { external_chat_id: chat, message_ids: [`load-${n}`] });
      sent.add(idOf(body));
      const answer = await resolve(apiUrl, body, { prefer: 'respond-async' });
      if (answer.status >= 300) throw new Error(`refused with ${answer.status}: ${answer.text}`);
      accepted.push({ messageId: idOf(body), answer: answer.status === 200 ? answer.text : null });
      await delay(PACE_MS);
    }
  };
  const done = send();
  done.catch(() => undefined);
  const stop = () => {
    isOver = true;
    return done;
  };
  return { accepted, sent, stop };
}

it('adopts a dirty database while its old system and our senders write', {
  timeout: HOUR,
}, async () => {
  const database = await createLegacyDatabase(inject('postgresUrl'), CLIENTS);
  onTestFinished(database.drop);
  const { url, pool } = database;
  const timed = async (args: string[]) => {
    const startedAt = performance.now();
    const ran = await runContour(['adopt', ...args, '--domain-id', '7'], { DATABASE_URL: url });
    return { ...ran, seconds: ((performance.now() - startedAt) / 1000).toFixed(1) };
  };
  const checked = await timed(['--check']);
  console.log(`${CLIENTS} clients checked in ${checked.seconds} s\n${checked.stdout}`);
  expect(checked.code).toBe(0);

  const contour = await startContour(url);
  try {
    const sender = startSender(contour.api.url);
    const oldSystem = startOldSystem(pool, { clients: CLIENTS, writers: 4 });
    const applied = await timed(['--apply']);
    const adoptedAt = new Date();
    const waiting = sender.accepted.length;
    await delay(AFTERWARDS_MS);
    await Promise.all([oldSystem.stop(), sender.stop()]);
    console.log(`${applied.stderr}${applied.stdout}adopted in ${applied.seconds} s`);
    console.log(
      `meanwhile the old system wrote ${oldSystem.written()} rows, ${oldSystem.refused()} refused; ` +
        `its slowest statements: ${JSON.stringify(oldSystem.slowest())}`,
    );
    expect(applied.code).toBe(0);
    expect(await auditAdopted(pool)).toEqual([]);

    const { accepted, sent } = sender;
    const violations = await check({ pool, core: contour.core, accepted, sent });
    expect(violations.filter(({ kind }) => !INHERITED.has(kind))).toEqual([]);
    const { rows } = await pool.query<{ first: Date; waited: Date }>(
      `select min(resolved_at) as first, max(resolved_at) filter (where received_at < $1) as waited
         from messages`,
      [adoptedAt],
    );
    const seconds = (at?: Date) => ((at?.getTime() ?? 0) - adoptedAt.getTime()) / 1000;
    console.log(
      `${waiting} messages were taken in while it ran, ${accepted.length - waiting} afterwards, all were ` +
        `delivered; seen from its end, the first was resolved at ${seconds(rows[0]?.first)} s, ` +
        `the last that had waited at ${seconds(rows[0]?.waited)} s`,
    );
  } finally {
    await contour.stop();
  }
});
