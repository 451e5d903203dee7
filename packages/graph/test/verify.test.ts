import neo4j from 'neo4j-driver';
import { describe, expect, inject, test } from 'vitest';
import { checkMirror } from '../../../test/support/checker/check-mirror.ts';
import { type Difference, verifyMirror } from '../src/index.ts';
import { type Bundle, mirrored, openBundle } from './bundle.ts';

async function cypher({ uri, tenant }: Bundle, text: string): Promise<void> {
  const driver = neo4j.driver(uri);
  await driver.executeQuery(text, { tenant: tenant.id });
  await driver.close();
}

async function verify(bundle: Bundle, repair = false) {
  const found: Difference[] = [];
  const result = await verifyMirror({
    ...bundle,
    tenants: [bundle.tenant.id],
    repair,
    onDifference: (difference) => found.push(difference),
    onCompared: () => undefined,
    onProgress: () => undefined,
  });
  expect(result.differences).toBe(found.length);
  return found.map(({ problem, kind }) => `${problem} ${kind}`).sort();
}

async function openMirrored(clients: number): Promise<Bundle> {
  const bundle = await openBundle();
  await bundle.addClients(clients);
  await mirrored(bundle);
  return bundle;
}

const OURS = '(c:Client {tenant_id: $tenant})';

const damages: Array<[string, string, string[]]> = [
  [
    'a client that is gone',
    `MATCH ${OURS} WHERE c.name = 'client 1' DETACH DELETE c`,
    ['missing clients', 'stale dialogs', 'stale identities'],
  ],
  ['another name', `MATCH ${OURS} WHERE c.name = 'client 1' SET c.name = 'Eve'`, ['stale clients']],
  [
    'a name too much',
    `MATCH ${OURS} WHERE c.name = 'client 1' SET c.phone = '1'`,
    ['stale clients'],
  ],
  [
    'a dialog of another state',
    'MATCH (d:Dialog {tenant_id: $tenant}) WITH d LIMIT 1 SET d.status = "closed"',
    ['stale dialogs'],
  ],
  [
    'an edge that is gone',
    `MATCH ${OURS}-[r:OF]->() WHERE c.name = 'client 1' DELETE r`,
    ['stale clients'],
  ],
  [
    'an edge too much',
    `MATCH ${OURS}, (i:ChannelIdentity {tenant_id: $tenant, external_id: 'client 1'}) WHERE c.name = 'client 2' CREATE (c)-[:REACHED_AT]->(i)`,
    ['stale identities'],
  ],
  [
    'an edge twice',
    `MATCH ${OURS}-[:IN]->(d) WHERE c.name = 'client 2' CREATE (c)-[:IN]->(d)`,
    ['stale dialogs'],
  ],
  [
    'an edge to another tenant',
    `MATCH ${OURS} WHERE c.name = 'client 2' MATCH (t:Tenant) WHERE t.tenant_id <> $tenant WITH c, t LIMIT 1 CREATE (c)-[:OF]->(t)`,
    ['stale clients'],
  ],
  [
    'a client too much',
    'CREATE (:Client {tenant_id: $tenant, client_id: "ghost"})',
    ['extra clients'],
  ],
  [
    'an identity too much',
    'CREATE (:ChannelIdentity {tenant_id: $tenant, channel: "vk", external_id: "ghost"})',
    ['extra identities'],
  ],
  [
    'a dialog too much',
    'CREATE (:Dialog {tenant_id: $tenant, dialog_id: "ghost"})',
    ['extra dialogs'],
  ],
];

describe.skipIf(inject('neo4j').uri === undefined)('the comparison', () => {
  test.for(damages)('finds %s, and has it mended', async ([, damage, expected]) => {
    const bundle = await openMirrored(3);
    expect(await verify(bundle)).toEqual([]);
    await cypher(bundle, damage);
    expect(await verify(bundle)).toEqual(expected);
    expect(await verify(bundle, true)).toEqual(expected);
    await bundle.mirror.drain();
    expect(await verify(bundle)).toEqual([]);
    expect(await checkMirror(bundle.pool, bundle.uri)).toEqual([]);
  });

  test('rebuilds a wiped mirror', async () => {
    const bundle = await openMirrored(2_100);
    await cypher(bundle, 'MATCH (n {tenant_id: $tenant}) DETACH DELETE n');
    expect((await verify(bundle, true)).length).toBe(6_300);
    await mirrored(bundle);
    expect(await checkMirror(bundle.pool, bundle.uri)).toEqual([]);
  });

  test('reports no row that was mirrored while it was compared', async () => {
    const bundle = await openMirrored(1);
    await bundle.addClients(3, 'new');
    const look: typeof bundle.graph.look = async (kind, rows) => {
      const found = await bundle.graph.look(kind, rows);
      await bundle.mirror.drain();
      return found;
    };
    const graph = { ...bundle.graph, look };
    expect(await verify({ ...bundle, graph })).toEqual([]);
  });

  test('repairs a row that is locked at first', async () => {
    const bundle = await openMirrored(2);
    await cypher(bundle, 'MATCH (n {tenant_id: $tenant}) DETACH DELETE n');
    const changing = await bundle.pool.connect();
    await changing.query('begin; select from dialogs for update');
    const { source } = bundle;
    let passedOver = 0;
    const unmark: typeof source.unmark = async (kind, rows) => {
      await source.unmark(kind, rows);
      if (kind !== 'dialogs') return;
      passedOver += 1;
      await changing.query('rollback');
    };
    const found = await verify({ ...bundle, source: { ...source, unmark } }, true);
    changing.release();
    expect(found).toHaveLength(6);
    expect(passedOver).toBeGreaterThan(1);
    await bundle.mirror.drain();
    expect(await checkMirror(bundle.pool, bundle.uri)).toEqual([]);
  });

  test('reports no row that waits to be mirrored or removed', async () => {
    const bundle = await openMirrored(3);
    await bundle.addClients(2, 'new');
    await bundle.pool.query("update clients set name = 'other' where name = 'client 1'");
    await bundle.pool.query(
      'delete from dialogs where id = (select min(id::text)::uuid from dialogs)',
    );
    expect(await verify(bundle)).toEqual([]);
  });
});
