import { randomUUID } from 'node:crypto';
import type { Pool } from '../../../test/support/outside-pool.ts';
import type { TestTenant } from '../../../test/support/tenants.ts';

/** One client with one dialog of three delivered messages, written by hand. */
export interface AuditScene {
  tenant: TestTenant;
  clientId: string;
  dialogId: string;
  ids: string[];
  sql(text: string, ...values: unknown[]): Promise<unknown>;
  addMessage(seq: number, status?: 'pending' | 'delivered' | 'dead'): Promise<string>;
}

export async function setAuditScene(pool: Pool, tenant: TestTenant): Promise<AuditScene> {
  const sql = (text: string, ...values: unknown[]) => pool.query(text, values);
  const account = tenant.accounts.telegram.id;
  const clientId = randomUUID();
  const dialogId = randomUUID();
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
     values ($1, $2, $3, 1, $4, 3)`,
    ...[tenant.id, dialogId, clientId, account],
  );
  const addMessage = async (seq: number, status = 'delivered') => {
    const id = randomUUID();
    await sql(
      `insert into messages (tenant_id, id, dialog_id, client_id, channel_account_id, seq, trace_id,
         content_hash, payload, matched_by, is_new_client, is_new_dialog, status, received_at)
       values ($1, $2, $3, $4, $5, $6, 't', '', '{}', 'created', false, false, $7, now())`,
      ...[tenant.id, id, dialogId, clientId, account, seq, status],
    );
    return id;
  };
  const ids = [await addMessage(1), await addMessage(2), await addMessage(3)];
  return { tenant, clientId, dialogId, ids, sql, addMessage };
}

/** Breaks each promise about the tables by hand, and names the checks that find it. */
export const SEEDS: ReadonlyArray<
  [what: string, checks: string[], seed: (scene: AuditScene, other: TestTenant) => Promise<unknown>]
> = [
  [
    'a lost message',
    ['conservation', 'sequence'],
    ({ sql, ids }) => sql('delete from messages where id = $1', ids[1]),
  ],
  [
    'a lost last message',
    ['conservation', 'sequence'],
    ({ sql, ids }) => sql('delete from messages where id = $1', ids[2]),
  ],
  [
    'a lost message, beside a dialog whose old messages retention has deleted',
    ['conservation', 'sequence'],
    async ({ sql, ids }) => {
      await sql(
        `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id, last_seq,
                              status_id, created_at)
         select tenant_id, gen_random_uuid(), client_id, channel_id, channel_account_id, 9, 3,
                now() - interval '2 years'
           from dialogs`,
      );
      await sql('delete from messages where id = $1', ids[1]);
    },
  ],
  [
    'an unknown status',
    ['conservation'],
    async ({ sql }) => {
      await sql('alter table messages drop constraint messages_status_check');
      await sql("update messages set status = 'lost' where seq = 2");
    },
  ],
  ['a gap', ['sequence'], ({ sql }) => sql('update messages set seq = 4 where seq = 3')],
  [
    'a number twice',
    ['sequence'],
    async ({ sql }) => {
      await sql('drop index messages_seq');
      await sql('update messages set seq = 2 where seq = 3');
    },
  ],
  [
    'a message twice',
    ['messages', 'conservation', 'sequence'],
    async ({ sql }) => {
      await sql('alter table messages drop constraint messages_pkey');
      await sql('drop index messages_seq');
      await sql('insert into messages select * from messages where seq = 2');
    },
  ],
  [
    'an identity twice',
    ['identities'],
    async ({ sql }) => {
      await sql('alter table client_channels drop constraint client_channels_pkey');
      await sql('insert into client_channels select * from client_channels');
    },
  ],
  [
    'a phone twice',
    ['phones'],
    async ({ sql }) => {
      await sql('drop index clients_phone');
      await sql(
        'insert into clients (tenant_id, id, phone) select tenant_id, gen_random_uuid(), phone from clients',
      );
    },
  ],
  [
    'two open dialogs',
    ['open-dialogs'],
    async ({ sql }) => {
      await sql('drop index dialogs_open');
      await sql(
        `insert into dialogs (tenant_id, id, client_id, channel_id, channel_account_id)
         select tenant_id, gen_random_uuid(), client_id, channel_id, channel_account_id from dialogs`,
      );
    },
  ],
  [
    'a client of another tenant',
    ['tenants'],
    async ({ sql, clientId }, other) => {
      await sql('alter table dialogs drop constraint dialogs_tenant_id_client_id_fkey');
      await sql(
        'alter table client_channels drop constraint client_channels_tenant_id_client_id_fkey',
      );
      await sql('update clients set tenant_id = $1 where id = $2', other.id, clientId);
    },
  ],
  [
    'a dialog of another tenant',
    ['tenants', 'conservation', 'sequence'],
    ({ sql }, other) => sql('update messages set tenant_id = $1 where seq = 3', other.id),
  ],
  [
    'a channel account of another tenant',
    ['tenants'],
    async ({ sql }, other) => {
      await sql('alter table dialogs drop constraint dialogs_tenant_id_channel_account_id_fkey');
      await sql('update dialogs set channel_account_id = $1', other.accounts.telegram.id);
    },
  ],
  [
    'a dialog without its client, an identity without its client',
    ['orphans'],
    async ({ sql }) => {
      await sql('alter table dialogs drop constraint dialogs_tenant_id_client_id_fkey');
      await sql(
        'alter table client_channels drop constraint client_channels_tenant_id_client_id_fkey',
      );
      await sql('delete from clients');
    },
  ],
  [
    'a message without its dialog',
    ['orphans', 'conservation'],
    ({ sql }) => sql('delete from dialogs'),
  ],
  [
    'a pending message without a lane',
    ['pending'],
    ({ sql }) => sql("update messages set status = 'pending' where seq = 3"),
  ],
  [
    'a lane without a pending message',
    ['lanes'],
    ({ sql }) =>
      sql(
        'insert into lanes (tenant_id, dialog_id, shard, last_seq) select tenant_id, id, 0, 3 from dialogs',
      ),
  ],
];
