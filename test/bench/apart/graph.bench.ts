import { isMirrorBehind } from '@contour/store';
import { driver as openDriver } from 'neo4j-driver';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkMirror } from '../../support/checker/check-mirror.ts';
import { type Contour, startContour } from '../../support/contour.ts';
import { messagesOf } from '../../support/messages.ts';
import type { Pool } from '../../support/outside-pool.ts';
import { runContour } from '../../support/run-contour.ts';
import { acceptedCount, type RunningLoad, startLoad } from '../../support/send.ts';
import { startTestNeo4j, type TestServer } from '../../support/servers.ts';
import type { TestTenant } from '../../support/tenants.ts';
import { waitFor } from '../../support/wait-for.ts';

const NEW_CLIENTS = 2_000;
const OUTAGE_MS = 20_000;
const CLIENTS_TO_REBUILD = 100_000;
const MINUTES = 60_000;

let neo4j: TestServer;
let contour: Contour;
beforeAll(async () => {
  neo4j = await startTestNeo4j([]);
  contour = await startContour({ workers: 2, neo4jUri: neo4j.url });
});
afterAll(async () => {
  await contour?.close();
  await neo4j?.close();
});

/** Some 80 new clients a second, from senders that pause between messages. */
async function begin(): Promise<{ tenant: TestTenant; load: RunningLoad }> {
  const tenant = await contour.addTenant();
  const messages = messagesOf(tenant.accounts.telegram, {
    count: NEW_CLIENTS,
    chats: NEW_CLIENTS,
  });
  const load = startLoad({ urls: contour.urls, messages, concurrency: 20, paceMs: 225 });
  return { tenant, load };
}

/** From the receipt to Core's 2xx, by the ledger. */
async function latencyOf(tenant: TestTenant): Promise<{ p50: number; p99: number }> {
  const { pool } = contour.database;
  const delivered = async () => {
    const { rows } = await pool.query<{ n: number }>(
      "select count(*)::int as n from messages where tenant_id = $1 and status = 'delivered'",
      [tenant.id],
    );
    return rows[0]?.n === NEW_CLIENTS;
  };
  await waitFor('all delivered', delivered, { deadlineMs: 60_000, everyMs: 200 });
  const { rows } = await pool.query<{ p50: number; p99: number }>(
    `select percentile_cont(0.5) within group (order by ms) as p50,
            percentile_cont(0.99) within group (order by ms) as p99
       from (select 1000 * extract(epoch from delivered_at - received_at)::float8 as ms
               from messages where tenant_id = $1) m`,
    [tenant.id],
  );
  return rows[0] ?? { p50: Number.NaN, p99: Number.NaN };
}

async function measure(harm?: () => Promise<void>): Promise<{ p50: number; p99: number }> {
  const { tenant, load } = await begin();
  if (harm) {
    await acceptedCount(load, 300);
    await harm();
  }
  await load.done;
  return latencyOf(tenant);
}

const show = ({ p50, p99 }: { p50: number; p99: number }) =>
  `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;

async function untilComplete(pool: Pool, deadlineMs: number): Promise<number> {
  const startedAt = performance.now();
  const isComplete = async () => !(await isMirrorBehind(pool));
  await waitFor('the mirror', isComplete, { deadlineMs, everyMs: 100 });
  return performance.now() - startedAt;
}

it('an absent Neo4j does not slow down the way to Core', { timeout: 10 * MINUTES }, async () => {
  const { pool } = contour.database;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await measure(); // warms up the JVM
  const up: number[] = [];
  const outages: Record<string, () => Promise<void>> = {
    async 'killed, and started again 20 s later'() {
      await neo4j.kill();
      await pause(OUTAGE_MS);
      await neo4j.start();
    },
    async 'frozen for 20 s'() {
      neo4j.freeze();
      await pause(OUTAGE_MS);
      neo4j.thaw();
    },
  };
  for (const [name, harm] of Object.entries(outages)) {
    const before = await measure();
    await untilComplete(pool, 60_000);
    const during = await measure(harm);
    const completeMs = await untilComplete(pool, 30_000);
    const after = await measure();
    await untilComplete(pool, 60_000);
    up.push(before.p99, after.p99);
    console.log(
      [
        `Neo4j ${name}, ${NEW_CLIENTS} new clients:`,
        `  up before: ${show(before)}`,
        `  away:      ${show(during)}`,
        `  up after:  ${show(after)}`,
        `  p99 away / up: ${(during.p99 / ((before.p99 + after.p99) / 2)).toFixed(2)}`,
        `  complete ${Math.round(completeMs)} ms after the load's end`,
      ].join('\n'),
    );
    expect(await checkMirror(pool, neo4j.url)).toEqual([]);
  }
});

it('a wiped mirror is rebuilt during work', { timeout: 10 * MINUTES }, async () => {
  const { pool, url } = contour.database;
  const { id, accounts } = await contour.addTenant();
  await pool.query(
    `with made as (
       insert into clients (tenant_id, id, name, phone)
       select $1, gen_random_uuid(), 'client ' || i, '+7999' || 1000000 + i
         from generate_series(1, $2::int) i
       returning tenant_id, id, phone
     ), linked as (
       insert into client_channels (tenant_id, channel_id, external_id, client_id)
       select tenant_id, 1, phone, id from made
     )
     insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
     select tenant_id, gen_random_uuid(), id, 1, $3 from made`,
    [id, CLIENTS_TO_REBUILD, accounts.telegram.id],
  );
  const firstMs = await untilComplete(pool, 5 * MINUTES);
  console.log(`${CLIENTS_TO_REBUILD} clients came into the graph in ${Math.round(firstMs)} ms`);
  const driver = openDriver(neo4j.url);
  for (const label of ['Dialog', 'ChannelIdentity', 'Client', 'Tenant']) {
    const wipe = `MATCH (n:${label}) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS`;
    await driver.session().run(wipe);
  }
  await driver.close();

  const alone = await measure();
  await untilComplete(pool, 60_000);
  const startedAt = performance.now();
  let rebuiltMs = Number.NaN;
  const rebuilding = runContour(['graph', 'verify', '--repair'], {
    DATABASE_URL: url,
    NEO4J_URI: neo4j.url,
  }).then((ran) => {
    rebuiltMs = performance.now() - startedAt;
    return ran;
  });
  const meanwhile = await measure();
  const ran = await rebuilding;
  console.log(
    `${ran.stdout}${ran.stderr}${CLIENTS_TO_REBUILD} clients rebuilt by graph verify --repair in ` +
      `${Math.round(rebuiltMs)} ms; ${NEW_CLIENTS} new clients meanwhile: ${show(meanwhile)}, ` +
      `before: ${show(alone)}`,
  );
  expect(ran.code).toBe(0);
  await untilComplete(pool, 60_000);
  expect(await checkMirror(pool, neo4j.url)).toEqual([]);
});
