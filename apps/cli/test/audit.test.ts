import { randomUUID } from 'node:crypto';
import { createPresence } from '@contour/queue/presence';
import { expect, inject, onTestFinished, test } from 'vitest';
import { SEEDS, setAuditScene } from '../../../packages/store/test/audit-scene.ts';
import { startContour } from '../../../test/support/contour.ts';
import { createDatabase } from '../../../test/support/fresh-database.ts';
import { messagesOf, messageTo } from '../../../test/support/messages.ts';
import { withRedis } from '../../../test/support/redis-client.ts';
import { runContour } from '../../../test/support/run-contour.ts';
import { slowTest } from '../../../test/support/seed.ts';
import { acceptedCount, resolve, startLoad } from '../../../test/support/send.ts';
import { startTestRedis } from '../../../test/support/servers.ts';
import { addTestTenant } from '../../../test/support/tenants.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { contourHere } from './contour-here.ts';

async function openScene() {
  const { pool, url, drop } = await createDatabase(inject('postgresUrl'));
  onTestFinished(drop);
  const tenant = await addTestTenant(pool);
  return { ...(await setAuditScene(pool, tenant)), pool, url };
}

/** The findings of `audit --json`, by check. */
async function audit(env: Record<string, string>, how = contourHere) {
  const ran = await how(['audit', '--json'], env);
  const result = ran.stdout === '' ? { findings: [] } : JSON.parse(ran.stdout);
  const findings: Array<{ check: string; state: string; violations: number; examples: string[] }> =
    result.findings;
  return {
    ...ran,
    result,
    finding: (name: string) => findings.find(({ check }) => check === name),
  };
}

test('each check has a line, and checks that need Redis are skipped without it', async () => {
  const { url } = await openScene();
  const { code, stdout, stderr } = await runContour(['audit'], { DATABASE_URL: url });
  expect({ code, last: stdout.trimEnd().split('\n').at(-1) }).toEqual({
    code: 0,
    last: 'Nothing is broken.',
  });
  expect(stdout).toMatch(/^ok +conservation +numbered = delivered \+ dead \+ pending +3$/m);
  expect(stdout).toMatch(/^skipped +streams .* REDIS_URL is not set$/m);
  expect(stdout).toContain('1 clients, 1 dialogs, 3 messages: 3 delivered, 0 dead, 0 pending');
  expect(stderr).toMatch(/^Auditing .* 100 % /m);
});

test('violations are counted with an example, for the given tenant', async () => {
  const { url, sql, pool, tenant, dialogId } = await openScene();
  const well = await addTestTenant(pool);
  const seed = SEEDS.find(([what]) => what === 'a gap')?.[2];
  await seed?.({ sql } as never, well);
  const [table, json, other] = await Promise.all([
    runContour(['audit', '--tenant', tenant.id], { DATABASE_URL: url }),
    audit({ DATABASE_URL: url }),
    contourHere(['audit', '--tenant', well.id], { DATABASE_URL: url }),
  ]);
  expect(table.code).toBe(1);
  expect(table.stdout).toMatch(
    new RegExp(
      `^violated +sequence .* 1 of 1\n    dialog ${dialogId}: last_seq 3, .*4 follows 2 `,
      'm',
    ),
  );
  expect(table.stdout).toMatch(/\n1 violations of 1 promises\.\n$/);
  expect(json).toMatchObject({ code: 1, result: { ok: false, violations: 1, tenants: 2 } });
  expect(json.finding('sequence')).toMatchObject({ state: 'violated', violations: 1 });
  expect(other.code).toBe(0);
});

/** SQL for the dead-letter entry of a dead message, or of one that does not exist. */
const buried = (id: string, tenantId: string) =>
  `insert into parked (id, reason, stage, tenant_id, error_code, error_message, attempts, received_at, bytes)
   values ('${id}', 'core_refused', 'deliver', '${tenantId}', 'http_400', 'no', 1, now(), 0)`;

test('dead letters, overdue lanes and forgotten stream entries are checked', async () => {
  const { url, sql, tenant, addMessage } = await openScene();
  const redis = await startTestRedis();
  onTestFinished(redis.close);
  const open = { redisUrl: redis.url, onError: () => {} };
  const presence = createPresence({ ...open, id: 'worker' });
  const beat = setInterval(() => void presence.beat().catch(() => {}), 500);
  onTestFinished(async () => {
    clearInterval(beat);
    await presence.leave();
  });
  await presence.beat();
  await sql('update dialogs set last_seq = 6');
  const [kept, lost] = [await addMessage(4, 'dead'), await addMessage(5, 'dead')];
  await addMessage(6, 'pending');
  const stray = randomUUID();
  await sql(buried(kept, tenant.id));
  await sql(buried(stray, tenant.id));
  await sql(
    `insert into lanes (tenant_id, dialog_id, shard, last_seq, due_at)
     select tenant_id, id, 0, 6, now() - interval '1 h' from dialogs`,
  );
  await withRedis(redis.url, async (run) => {
    const stream = 'contour:resolve:1';
    await run('XGROUP', 'CREATE', stream, 'contour', '0', 'MKSTREAM');
    const id = String(await run('XADD', stream, '*', 'message', '{}'));
    await run('XREADGROUP', 'GROUP', 'contour', 'owner', 'STREAMS', stream, '>');
    await run('XCLAIM', stream, 'contour', 'owner', 0, id, 'IDLE', 300_000);
  });
  const { code, finding } = await audit({ DATABASE_URL: url, REDIS_URL: redis.url });
  expect(code).toBe(1);
  const broken = { state: 'violated', violations: 1 };
  expect(finding('dead')).toMatchObject(broken);
  expect(finding('dead')?.examples[0]).toContain(lost);
  expect(finding('dead-letters')).toMatchObject(broken);
  expect(finding('dead-letters')?.examples[0]).toContain(stray);
  expect(finding('overdue')).toMatchObject({ state: 'warning', violations: 1 });
  expect(finding('streams')).toMatchObject({ state: 'warning', violations: 1 });
});

const { uri: neo4jUri = '', reason: noNeo4j } = inject('neo4j');

test.skipIf(noNeo4j !== undefined)(
  'a row that is marked as mirrored and missing in the graph is a violation',
  async () => {
    const { url, sql, tenant } = await openScene();
    const env = { DATABASE_URL: url, NEO4J_URI: neo4jUri };
    // Other tests use the same graph, so only this tenant is checked.
    const own = async () => {
      const { code, stdout } = await contourHere(['audit', '--json', '--tenant', tenant.id], env);
      const { findings } = JSON.parse(stdout);
      return { code, graph: findings.find(({ check }: { check: string }) => check === 'graph') };
    };
    expect(await own()).toMatchObject({ code: 0, graph: { state: 'ok', looked: 3 } });
    for (const table of ['clients', 'client_channels', 'dialogs']) {
      await sql(`update ${table} set graph_synced_at = now()`);
    }
    const broken = await own();
    expect(broken).toMatchObject({ code: 1, graph: { state: 'violated', violations: 3 } });
    expect(broken.graph.examples[0]).toMatch(/^clients \S+: missing in the graph/);
  },
);

test('a busy system with refusals and replays has no violations', {
  timeout: 120_000,
}, async () => {
  const system = await startContour({ env: { DELIVER_ATTEMPTS: '2' } });
  onTestFinished(system.close);
  system.core.behave(({ body }) => ({
    status: body.includes('message 7') ? 400 : 200,
    delayMs: 5,
  }));
  const tenant = await system.addTenant();
  const load = startLoad({
    urls: system.urls,
    messages: messagesOf(tenant.accounts.telegram, { count: 300, chats: 40 }),
    concurrency: 20,
    paceMs: 20,
  });
  await acceptedCount(load, 100);
  await resolve(system.url, messageTo({ ...tenant.accounts.telegram, credential: 'unknown' }));
  const env = { DATABASE_URL: system.database.url, REDIS_URL: system.redis.url };
  const replaying = fetch(`${system.url}/dlq/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'core_refused' }),
  });
  const during = await audit(env);
  expect({ code: during.code, result: during.result }).toMatchObject({
    code: 0,
    result: { ok: true },
  });
  expect(during.finding('dead')?.state).toBe('ok');
  await Promise.all([load.done, replaying]);
  const isDrained = async () => {
    const { rows } = await system.database.pool.query('select 1 from lanes limit 1');
    return rows.length === 0;
  };
  await waitFor('the drain', isDrained);
  const after = await audit(env);
  expect(after.result).toMatchObject({ ok: true, counts: { messages: 300 } });
  expect(after.result.counts.dead).toBeGreaterThan(0);
});

slowTest('a hundred thousand orphaned messages need little memory', async () => {
  const { url, pool } = await openScene();
  await pool.query(
    `insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id,
       content_hash, payload, matched_by, is_new_client, is_new_dialog, status, received_at)
     select tenant_id, gen_random_uuid(), gen_random_uuid(), client_id, channel_account_id, n, 't', '',
            '{}', 'created', false, false, 'delivered', now()
       from messages, generate_series(10, 100009) n where seq = 1`,
  );
  const options = { DATABASE_URL: url, NODE_OPTIONS: '--max-old-space-size=40' };
  const { code, finding, stderr } = await audit(options, runContour);
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/ 100 % /) });
  expect(finding('orphans')).toMatchObject({ state: 'violated', violations: 100_000 });
  expect(finding('orphans')?.examples).toHaveLength(5);
});

test('a wrong setting or option ends with 2', async () => {
  const env = { DATABASE_URL: 'postgres://127.0.0.1:1/x', RETENTION_DAYS: '0' };
  const forEver = await contourHere(['audit'], env);
  expect(forEver).toMatchObject({ code: 2, stdout: '' });
  expect(forEver.stderr).toMatch(/^contour: RETENTION_DAYS {2}must be a whole number from 1 /);
  const { url } = await openScene();
  expect(await contourHere(['audit', '--fast'])).toMatchObject({ code: 2, stdout: '' });
  const stranger = await contourHere(['audit', '--tenant', 'unknown'], { DATABASE_URL: url });
  expect(stranger).toMatchObject({ code: 2, stdout: '' });
  expect(stranger.stderr).toContain('there is no tenant "unknown"');
});
