import { randomUUID } from 'node:crypto';
import { CHANNELS, corePayloadAround } from '@contour/contract';
import { createGraph, createMirror } from '@contour/graph';
import { createMirrorSource } from '@contour/store/graph';
import { driver as openDriver } from 'neo4j-driver';
import { expect, inject, onTestFinished, test } from 'vitest';
import type { ViolationKind } from './checker/violation.ts';
import { check, type Evidence } from './checker.ts';
import { type FakeCore, startFakeCore } from './fake-core.ts';
import { createDatabase, type Database } from './fresh-database.ts';
import { withRedis } from './redis-client.ts';
import { request } from './send.ts';
import { startTestRedis } from './servers.ts';
import { addTestTenant, type TestTenant } from './tenants.ts';

/** Valid evidence: one client, one dialog, three messages that reached Core in order. */
interface Scene {
  database: Database;
  core: FakeCore;
  tenant: TestTenant;
  clientId: string;
  dialogId: string;
  ids: string[];
  evidence: Evidence;
  sql(text: string, ...values: unknown[]): Promise<unknown>;
  post(key: string, body: string): Promise<unknown>;
  payloadOf(id: string): Promise<string>;
}

async function addMessage(scene: Scene, seq: number): Promise<string> {
  const { tenant, clientId, dialogId, sql } = scene;
  const id = randomUUID();
  const { beforeSeq, afterSeq } = corePayloadAround(
    {
      ...{ messageId: id, contentHash: '', traceId: 't', channel: 'telegram', fingerprint: '' },
      ...{ mask: null, externalChatId: 'chat', externalUserId: null, clientName: null },
      ...{
        clientPhone: null,
        phoneVerified: false,
        clientUsername: null,
        text: `${seq}`,
        messageIds: [id],
      },
      ...{ timestamp: '2024-12-10T10:00:15Z', receivedAt: '2024-12-10T10:00:15Z' },
      writtenAtMs: null,
      ...{ media: null, meta: null },
    },
    {
      ...{ tenantId: tenant.id, domainId: tenant.domainId, dialogId },
      ...{ channelAccountId: tenant.accounts.telegram.id, isNewClient: false, isNewDialog: false },
      client: { id: clientId, name: null, phone: '+79990000000', channels: [] },
    },
  );
  await sql(
    `insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id,
       content_hash, payload, matched_by, is_new_client, is_new_dialog, status, received_at)
     values ($1, $2, $3, $4, $5, $6, 't', '', $7, 'created', false, false, 'delivered', now())`,
    ...[
      tenant.id,
      id,
      dialogId,
      clientId,
      tenant.accounts.telegram.id,
      seq,
      `${beforeSeq}${seq}${afterSeq}`,
    ],
  );
  return id;
}

async function setScene(): Promise<Scene> {
  const database = await createDatabase(inject('postgresUrl'));
  onTestFinished(() => database.drop());
  const core = await startFakeCore();
  onTestFinished(() => core.close());
  const { pool } = database;
  const tenant = await addTestTenant(pool);
  const evidence: Evidence = { pool, core, accepted: [], drainMs: 0 };
  const scene: Scene = {
    ...{ database, core, tenant, evidence, ids: [] },
    ...{ clientId: randomUUID(), dialogId: randomUUID() },
    sql: (text, ...values) => pool.query(text, values),
    post: (key, body) => request('POST', core.url, { body, headers: { 'idempotency-key': key } }),
    async payloadOf(id) {
      const { rows } = await pool.query(
        'select payload::text as text from messages where id = $1',
        [id],
      );
      return rows[0]?.text;
    },
  };
  const { clientId, dialogId, sql } = scene;
  await sql(
    'insert into clients (tenant_id, id, phone) values ($1, $2, $3)',
    tenant.id,
    clientId,
    '+79990000000',
  );
  await sql(
    'insert into client_channels (tenant_id, channel_id, external_id, client_id) values ($1, 1, $2, $3)',
    ...[tenant.id, 'chat', clientId],
  );
  await sql(
    `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id, last_seq)
     values ($1, $2, $3, $4, $5, 3)`,
    ...[tenant.id, dialogId, clientId, CHANNELS.telegram.id, tenant.accounts.telegram.id],
  );
  for (const seq of [1, 2, 3]) {
    const id = await addMessage(scene, seq);
    scene.ids.push(id);
    await scene.post(id, await scene.payloadOf(id));
  }
  scene.evidence.accepted = scene.ids.map((messageId) => ({
    messageId,
    answer: JSON.stringify({
      ...{ accepted: true, tenant_id: tenant.id, client_id: clientId, dialog_id: dialogId },
      ...{ trace_id: 't', message_id: messageId },
    }),
  }));
  scene.evidence.sent = new Set(scene.ids);
  return scene;
}

const idAt = ({ ids }: Scene, seq: number) => ids[seq - 1] ?? '';

/** One violation of each kind, made by hand. */
const SEEDS: Array<[ViolationKind, (scene: Scene) => Promise<unknown>]> = [
  ['not_drained', ({ sql }) => sql("update messages set status = 'pending' where seq = 3")],
  ['lost', ({ sql }) => sql('delete from messages where seq = 3')],
  [
    'phantom',
    async ({ evidence, ids }) => {
      evidence.sent = new Set(ids.slice(0, 2));
    },
  ],
  [
    'answer_disagrees',
    async ({ evidence }) => {
      const [first] = evidence.accepted;
      const answer = first?.answer?.replace('"accepted":true', '"accepted":1') ?? null;
      evidence.accepted = [{ messageId: first?.messageId ?? '', answer }];
    },
  ],
  [
    'answers_differ',
    async ({ evidence }) => {
      const [first] = evidence.accepted;
      const answer = first?.answer?.replace('"t"', '"u"') ?? null;
      evidence.accepted = [...evidence.accepted, { messageId: first?.messageId ?? '', answer }];
    },
  ],
  [
    'message_twice',
    async ({ sql }) => {
      await sql('alter table messages drop constraint messages_pkey');
      await sql('drop index messages_seq');
      await sql('insert into messages select * from messages where seq = 2');
    },
  ],
  [
    'identity_twice',
    async ({ sql }) => {
      await sql('alter table client_channels drop constraint client_channels_pkey');
      await sql('insert into client_channels select * from client_channels');
    },
  ],
  [
    'phone_twice',
    async ({ sql }) => {
      await sql('drop index clients_phone');
      await sql(
        `insert into clients (tenant_id, id, phone)
         select tenant_id, gen_random_uuid(), phone from clients`,
      );
    },
  ],
  [
    'two_open_dialogs',
    async ({ sql }) => {
      await sql('drop index dialogs_open');
      await sql(
        `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
         select tenant_id, gen_random_uuid(), client_id, channel_id, channel_account_id from dialogs`,
      );
    },
  ],
  ['seq_gap', ({ sql }) => sql('update messages set seq = 4 where seq = 3')],
  ['seq_gap', ({ sql }) => sql('update dialogs set last_seq = 4')],
  [
    'empty_dialog',
    ({ sql }) =>
      sql(
        `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id, status_id)
         select tenant_id, gen_random_uuid(), client_id, channel_id, channel_account_id, 3
         from dialogs`,
      ),
  ],
  ['client_without_identity', ({ sql }) => sql('delete from client_channels')],
  [
    'cross_tenant',
    async ({ sql, database, clientId }) => {
      const other = await addTestTenant(database.pool);
      await sql('alter table dialogs drop constraint dialogs_tenant_id_client_id_fkey');
      await sql(
        'alter table client_channels drop constraint client_channels_tenant_id_client_id_fkey',
      );
      await sql('update clients set tenant_id = $1 where id = $2', other.id, clientId);
    },
  ],
  [
    'cross_tenant',
    async ({ sql, database }) => {
      const other = await addTestTenant(database.pool);
      await sql('update messages set tenant_id = $1 where seq = 2', other.id);
    },
  ],
  [
    'payload_disagrees',
    ({ sql }) =>
      sql(`update messages set payload = '{"message_id":"another"}'::json where seq = 3`),
  ],
  [
    'pending_without_lane',
    ({ sql }) => sql("update messages set status = 'pending' where seq = 3"),
  ],
  [
    'lane_without_pending',
    ({ sql }) =>
      sql(
        'insert into lanes (tenant_id, dialog_id, shard, last_seq) select tenant_id, id, 0, 3 from dialogs',
      ),
  ],
  ['payloads_differ', (scene) => scene.post(idAt(scene, 2), '{}')],
  [
    'not_at_core',
    async (scene) => {
      const id = await addMessage(scene, 4);
      await scene.sql('update dialogs set last_seq = 4');
      scene.core.behave(() => ({ status: 500 }));
      await scene.post(id, await scene.payloadOf(id));
    },
  ],
  ['unknown_at_core', ({ post }) => post(randomUUID(), '{}')],
  [
    'out_of_order',
    async (scene) => {
      await scene.sql('update dialogs set last_seq = 5');
      const [fourth, fifth] = [await addMessage(scene, 4), await addMessage(scene, 5)];
      for (const id of [fifth, fourth]) await scene.post(id, await scene.payloadOf(id));
    },
  ],
  [
    'out_of_order',
    async (scene) => {
      await scene.sql('update dialogs set last_seq = 5');
      const [fourth, fifth] = [await addMessage(scene, 4), await addMessage(scene, 5)];
      scene.core.behave(({ key }, nth) => ({ status: key === fourth && nth === 1 ? 503 : 200 }));
      for (const id of [fourth, fifth, fourth]) await scene.post(id, await scene.payloadOf(id));
    },
  ],
  ['stray_request', ({ core }) => request('GET', new URL('/elsewhere', core.url).href)],
  [
    'dead_without_entry',
    async ({ sql, evidence }) => {
      await sql("update messages set status = 'dead' where seq = 3");
      evidence.dlq = async () => [];
    },
  ],
  [
    'entry_without_dead',
    async (scene) => {
      scene.evidence.dlq = async () => [{ id: idAt(scene, 1), reason: 'core_refused' }];
    },
  ],
  [
    'credential_leaked',
    async ({ evidence, tenant }) => {
      evidence.logs = () => `{"token":"${tenant.accounts.max.credential}"}`;
    },
  ],
  [
    'credential_leaked',
    async ({ sql, tenant }) => {
      await sql(
        `insert into parked (id, reason, stage, error_code, error_message, attempts, received_at, body, bytes)
         values (gen_random_uuid(), 'invalid', 'resolve', 'invalid', 'no', 1, now(), $1, 1)`,
        JSON.stringify({ url: `https://files/${tenant.accounts.max.credential}` }),
      );
    },
  ],
  [
    'credential_leaked',
    async ({ evidence }) => {
      evidence.otherCredentials = ['secret-of-no-account'];
      evidence.logs = () => 'said secret-of-no-account aloud';
    },
  ],
];

test('valid evidence has no violation, also with repeats of earlier messages', async () => {
  const scene = await setScene();
  await scene.post(idAt(scene, 1), await scene.payloadOf(idAt(scene, 1)));
  expect(await check(scene.evidence)).toEqual([]);
});

test.each(SEEDS)('%s is found', async (kind, seed) => {
  const scene = await setScene();
  await seed(scene);
  const found = await check(scene.evidence);
  expect(found.map((violation) => violation.kind)).toContain(kind);
});

test('a credential in Redis is found, whatever the type of the key, and in its files', async () => {
  const redis = await startTestRedis();
  onTestFinished(() => redis.close());
  const scene = await setScene();
  scene.evidence.redisUrl = redis.url;
  expect(await check(scene.evidence)).toEqual([]);
  const text = `{"file":"https://x/${scene.tenant.accounts.telegram.credential}/y"}`;
  for (const [command, ...args] of [
    ['SET'],
    ['HSET', 'field'],
    ['RPUSH'],
    ['SADD'],
    ['ZADD', '1'],
    ['XADD', '*', 'field'],
  ]) {
    await withRedis(redis.url, (run) => run(command ?? '', 'key', ...args, text));
    expect(await check(scene.evidence)).toMatchObject([{ kind: 'credential_leaked' }]);
    await withRedis(redis.url, (run) => run('DEL', 'key'));
  }
  // The keys are gone, but not from the append-only file.
  expect(await check(scene.evidence)).toEqual([]);
  scene.evidence.redisDataDir = redis.dataDir;
  expect(await check(scene.evidence)).toMatchObject([{ kind: 'credential_leaked' }]);
});

/** Statements that make a correct graph wrong. */
const DAMAGES = [
  'MATCH (c:Client {tenant_id: $tenant}) SET c.phone = "other"',
  'MATCH (c:Client {tenant_id: $tenant}) SET c.more = 1',
  'MATCH (:Client {tenant_id: $tenant})-[r:REACHED_AT]->() DELETE r',
  'MATCH (c:Client {tenant_id: $tenant})-[:IN]->(d) CREATE (c)-[:IN]->(d)',
  'MATCH (d:Dialog {tenant_id: $tenant}) DETACH DELETE d',
  'CREATE (:Dialog {tenant_id: $tenant, dialog_id: "ghost"})',
  'MATCH (c:Client {tenant_id: $tenant}) CREATE (c)-[:OF]->(:Tenant {tenant_id: $tenant + "!"})',
];

const { uri: neo4jUri = '', reason: noNeo4j } = inject('neo4j');

test.skipIf(noNeo4j !== undefined)('a graph that differs from Postgres is found', async () => {
  const { evidence, database, tenant } = await setScene();
  evidence.neo4jUri = neo4jUri;
  const graph = createGraph({ uri: neo4jUri, user: 'neo4j', password: undefined });
  onTestFinished(() => graph.close());
  const driver = openDriver(neo4jUri);
  onTestFinished(() => driver.close());
  expect((await check(evidence)).map(({ kind }) => kind)).toContain('mirror_differs');
  const source = createMirrorSource(database.pool);
  const mirror = createMirror({ graph, source, onRefused: () => undefined });
  for (const damage of DAMAGES) {
    await mirror.drain();
    expect(await check(evidence)).toEqual([]);
    await driver.executeQuery(damage, { tenant: tenant.id });
    const kinds = (await check(evidence)).map(({ kind }) => kind);
    expect(new Set(kinds), damage).toEqual(new Set(['mirror_differs']));
    await driver.executeQuery('MATCH (n) WHERE n.tenant_id STARTS WITH $tenant DETACH DELETE n', {
      tenant: tenant.id,
    });
    for (const table of ['clients', 'client_channels', 'dialogs']) {
      await database.pool.query(`update ${table} set graph_synced_at = null`);
    }
  }
});
