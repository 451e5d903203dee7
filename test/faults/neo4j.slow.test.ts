import { isMirrorBehind } from '@contour/store';
import { driver as openDriver } from 'neo4j-driver';
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from 'vitest';
import { type Contour, startContour } from '../support/contour.ts';
import { loseAnswersTo, startProxy, type TestProxy } from '../support/proxy.ts';
import { runContour } from '../support/run-contour.ts';
import { get, type RunningLoad } from '../support/send.ts';
import { startTestNeo4j, type TestServer } from '../support/servers.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Outcome, row } from './matrix/row.ts';
import { type Size, secondsUntilThrough, told, underLoad } from './matrix/under-load.ts';

/** How long the mirror may take to be complete after its return. */
const COMPLETE_SECONDS = 30;
/** New clients, so that there are always rows to mirror. */
const STRANGERS: Size = { count: 600, chats: 600, senders: 10, ahead: 200 };
// A Bolt message: two bytes of length, a structure without fields, COMMIT, the end.
const COMMIT = Buffer.from([0x00, 0x02, 0xb0, 0x12, 0x00, 0x00]);

describe.skipIf(inject('neo4j').uri === undefined)('Neo4j', () => {
  let neo4j: TestServer;
  let proxy: TestProxy;
  let contour: Contour;
  beforeAll(async () => {
    neo4j = await startTestNeo4j();
    proxy = await startProxy(neo4j.url);
    contour = await startContour({ workers: 2, neo4jUri: proxy.through(neo4j.url) });
  });
  beforeEach(() => {
    neo4j.thaw();
    return neo4j.start();
  });
  afterAll(async () => {
    neo4j?.thaw();
    await contour?.close();
    await proxy?.close();
    await neo4j?.close();
  });

  const health = async () => (await get(`${contour.url}/health`)).json;

  /** Core does not wait for the graph: it gets all messages while the graph is away. */
  async function goesOnWithout(load: RunningLoad): Promise<void> {
    await load.done;
    await secondsUntilThrough(contour, load);
    expect(await health()).toMatchObject({ status: 'degraded', neo4j: false, postgres: true });
  }

  /** Call it when the graph is back. */
  async function mirrored(load: RunningLoad): Promise<Outcome> {
    const since = performance.now();
    const isComplete = async () => !(await isMirrorBehind(contour.database.pool));
    await waitFor('the mirror', isComplete, { deadlineMs: 60_000, everyMs: 100 });
    const recoverySeconds = (performance.now() - since) / 1000;
    const { accepted } = await load.done;
    return { recoverySeconds, violations: await contour.check({ accepted }) };
  }

  row(
    'killed',
    {
      injected: 'kill -9, started when Core has everything',
      load: told(STRANGERS),
      withinSeconds: COMPLETE_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STRANGERS);
      await neo4j.kill();
      await waitFor('health to tell', async () => (await health()).status === 'degraded');
      await goesOnWithout(load);
      await neo4j.start();
      const outcome = await mirrored(load);
      await waitFor('health to tell', async () => (await health()).neo4j === true);
      return outcome;
    },
  );

  row(
    'accepts connections and never answers',
    {
      injected: 'SIGSTOP, SIGCONT when Core has everything',
      load: told(STRANGERS),
      withinSeconds: COMPLETE_SECONDS,
    },
    async () => {
      const load = await underLoad(contour, STRANGERS);
      neo4j.freeze();
      await goesOnWithout(load);
      neo4j.thaw();
      const outcome = await mirrored(load);
      await waitFor('health to tell', async () => (await health()).neo4j === true);
      return outcome;
    },
  );

  row(
    'its acknowledgement is lost',
    {
      injected: 'the connection cut between a COMMIT and the answer to it, four times',
      load: told(STRANGERS),
      withinSeconds: COMPLETE_SECONDS,
    },
    async (dice) => {
      let [commits, lost] = [0, 0];
      const first = dice.between(1, 4);
      const isDoomed = (bytes: Buffer) => {
        if (!bytes.includes(COMMIT)) return false;
        commits += 1;
        return commits >= first && commits < first + 4;
      };
      proxy.watch(
        loseAnswersTo(isDoomed, () => {
          lost += 1;
        }),
      );
      onTestFinished(() => proxy.watch({}));
      const load = await underLoad(contour, STRANGERS);
      await load.done;
      await waitFor('four lost acknowledgements', () => lost === 4, { deadlineMs: 30_000 });
      return mirrored(load);
    },
  );

  test('graph verify finds and removes nodes without a tenant or a key', async () => {
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
