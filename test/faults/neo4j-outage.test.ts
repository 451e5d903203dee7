import { isMirrorBehind } from '@contour/store';
import { driver as openDriver } from 'neo4j-driver';
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { messagesOf } from '../support/messages.ts';
import { runContour } from '../support/run-contour.ts';
import { acceptedCount, get, type RunningLoad, startLoad } from '../support/send.ts';
import { startTestNeo4j, type TestServer } from '../support/servers.ts';
import { waitFor } from '../support/wait-for.ts';

/** So long after its return the mirror may take to be complete. */
const COMPLETE_MS = 30_000;

describe.skipIf(inject('neo4j').uri === undefined)('without Neo4j', () => {
  let neo4j: TestServer;
  let proxy: CuttingProxy;
  let contour: Contour;
  beforeAll(async () => {
    neo4j = await startTestNeo4j();
    proxy = await startCuttingProxy(neo4j.url);
    contour = await startContour({ workers: 2, neo4jUri: proxy.uri });
  });
  afterEach(() => {
    neo4j?.thaw();
    return neo4j?.start();
  });
  afterAll(async () => {
    await contour?.close();
    await proxy?.close();
    await neo4j?.close();
  });

  const health = async () => (await get(`${contour.url}/health`)).json;

  /** New clients in the midst of being mirrored. */
  async function underLoad(): Promise<RunningLoad> {
    const { telegram } = (await contour.addTenant()).accounts;
    const messages = messagesOf(telegram, { count: 600, chats: 600 });
    const load = startLoad({ urls: contour.urls, messages, concurrency: 10 });
    await acceptedCount(load, 200);
    return load;
  }

  async function allDelivered(load: RunningLoad): Promise<void> {
    const { accepted } = await load.done;
    const isDelivered = async () => {
      const { rows } = await contour.database.pool.query<{ n: number }>(
        "select count(*)::int as n from messages where id = any($1) and status = 'delivered'",
        [accepted.map(({ messageId }) => messageId)],
      );
      return rows[0]?.n === accepted.length;
    };
    await waitFor('Core to have everything', isDelivered, { deadlineMs: 30_000, everyMs: 100 });
  }

  /** In time, which is counted from the call. */
  async function mirrorIsComplete({ accepted }: RunningLoad): Promise<void> {
    const since = Date.now();
    const isComplete = async () => !(await isMirrorBehind(contour.database.pool));
    await waitFor('the mirror', isComplete, { deadlineMs: COMPLETE_MS, everyMs: 100 });
    console.log(`the mirror was complete after ${Date.now() - since} ms`);
    expect(await contour.check({ accepted })).toEqual([]);
  }

  test('killed: all goes on to Core, and the mirror is complete soon after its return', async () => {
    const load = await underLoad();
    await neo4j.kill();
    await waitFor('health to tell', async () => (await health()).status === 'degraded');
    await allDelivered(load);
    expect(await health()).toMatchObject({ status: 'degraded', neo4j: false, postgres: true });
    await neo4j.start();
    await mirrorIsComplete(load);
    await waitFor('health to tell', async () => (await health()).neo4j === true);
  });

  test('frozen: all goes on to Core, and the mirror is complete soon after it is thawed', async () => {
    const load = await underLoad();
    neo4j.freeze();
    await allDelivered(load);
    expect(await health()).toMatchObject({ status: 'degraded', neo4j: false });
    neo4j.thaw();
    await mirrorIsComplete(load);
  });

  test('cut off between a commit and its acknowledgement: nothing is there twice, or missing', async () => {
    const before = proxy.lost();
    proxy.loseAcknowledgements(4);
    const load = await underLoad();
    await allDelivered(load);
    await waitFor('four lost acknowledgements', () => proxy.lost() >= before + 4, {
      deadlineMs: COMPLETE_MS,
    });
    await mirrorIsComplete(load);
  });

  test('what has no tenant, or no key, is found and removed by graph verify', async () => {
    const driver = openDriver(neo4j.url);
    onTestFinished(() => driver.close());
    const count = async () => {
      const { records } = await driver.executeQuery(
        "MATCH (n:Tenant|Client|Dialog) WHERE n.tenant_id IN ['stranger', 7] RETURN count(n) AS n",
      );
      return Number(records[0]?.get('n'));
    };
    await driver.executeQuery(
      `UNWIND range(1, 1200) AS i CREATE (:Client {tenant_id: 'stranger', client_id: toString(i)})
       WITH count(*) AS n CREATE (:Tenant {tenant_id: 'stranger'}), (:Dialog {tenant_id: 7})`,
    );
    const env = { DATABASE_URL: contour.database.url, NEO4J_URI: neo4j.url };
    expect(await count()).toBe(1202);
    const found = await runContour(['graph', 'verify'], env);
    expect(found).toMatchObject({ code: 1, stdout: expect.stringContaining('1202 differences.') });
    expect(await runContour(['graph', 'verify', '--repair'], env)).toMatchObject({ code: 0 });
    expect(await runContour(['graph', 'verify'], env)).toMatchObject({ code: 0 });
    expect(await count()).toBe(0);
  });
});
