import type { Contour } from '../../support/contour.ts';
import { messageTo } from '../../support/messages.ts';
import { openPool } from '../../support/outside-pool.ts';
import { waitFor } from '../../support/wait-for.ts';
import { waysAtCore } from './core-troubles.ts';
import type { NeighbourLoad } from './neighbours.ts';
import { chatsOf, keepAdding, keepSending, NOTHING_SENT, type Trouble } from './trouble.ts';

/** The default of DELIVER_SHARDS. */
const SHARDS = 16;

/** Another session locks the one dialog of a tenant, to which messages come. */
export async function lockDialog(
  contour: Contour,
  by: NeighbourLoad['by'] = 'http',
): Promise<Trouble> {
  const tenant = await contour.addTenant();
  const bodies = chatsOf(tenant, 1);
  const sending =
    by === 'http' ? keepSending(contour, bodies, 10) : keepAdding(contour, tenant, bodies, 10);
  const hasDialog = async () => {
    const sql = 'select from dialogs where tenant_id = $1';
    return (await contour.database.pool.query(sql, [tenant.id])).rowCount === 1;
  };
  await waitFor('its dialog', hasDialog);
  const pool = openPool(contour.database.url, 1);
  const session = await pool.connect();
  await session.query('set idle_in_transaction_session_timeout = 0');
  await session.query('begin');
  await session.query('select from dialogs where tenant_id = $1 for update', [tenant.id]);
  return {
    async end() {
      await session.query('rollback');
      session.release();
      await pool.end();
      return sending.stop();
    },
  };
}

/** Another session locks the lanes and the messages of a tenant while Core is about to answer for them. */
export async function lockDeliveries(contour: Contour): Promise<Trouble> {
  const tenant = await contour.addTenant();
  waysAtCore(contour).set(tenant.id, { status: 200, delayMs: 500 });
  const sending = keepSending(contour, chatsOf(tenant, 3), 10);
  const pool = openPool(contour.database.url, 1);
  const session = await pool.connect();
  await session.query('set idle_in_transaction_session_timeout = 0');
  await session.query('begin');
  for (const table of ['lanes', 'messages']) {
    const lock = async () => {
      const sql = `select from ${table} where tenant_id = $1 for update`;
      return ((await session.query(sql, [tenant.id])).rowCount ?? 0) > 0;
    };
    await waitFor(`a lock on its ${table}`, lock);
  }
  return {
    async end() {
      await session.query('rollback');
      session.release();
      await pool.end();
      waysAtCore(contour).delete(tenant.id);
      return sending.stop();
    },
  };
}

/** A trigger of another application raises an exception for the clients of one name. */
export async function refuseOneName(contour: Contour): Promise<Trouble> {
  const { pool } = contour.database;
  await pool.query(
    `create function refuse_name() returns trigger language plpgsql as $$
     begin
       if new.name = 'Refused' then raise exception 'this name is refused'; end if;
       return new;
     end $$`,
  );
  await pool.query(
    'create trigger refuse_name before insert on clients for each row execute function refuse_name()',
  );
  const { telegram } = (await contour.addTenant()).accounts;
  const sending = keepSending(contour, () => messageTo(telegram, { client_name: 'Refused' }), 10);
  await waitFor('the first message', () => sending.load.sent.size > 0);
  return {
    async end() {
      await pool.query('drop trigger refuse_name on clients');
      await pool.query('drop function refuse_name');
      return sending.stop();
    },
  };
}

/** A dump holds a snapshot open, and lanes come and go behind it. */
export async function holdSnapshot(contour: Contour, lanes: number): Promise<Trouble> {
  const pool = openPool(contour.database.url, 2);
  const dump = await pool.connect();
  await dump.query('set idle_in_transaction_session_timeout = 0');
  await dump.query('begin isolation level repeatable read');
  await dump.query('select count(*) from tenants');
  const writer = await pool.connect();
  await writer.query('set statement_timeout = 0');
  await writer.query('begin');
  await writer.query(
    `insert into lanes (tenant_id, dialog_id, shard, last_seq, due_at)
     select id, gen_random_uuid(), lane % ${SHARDS}, 1, now() - interval '1 hour'
       from (select id from tenants limit 1) t, generate_series(1, ${lanes}) lane`,
  );
  await writer.query(`delete from lanes where due_at = now() - interval '1 hour'`);
  await writer.query('commit');
  writer.release();
  return {
    async end() {
      await dump.query('rollback');
      dump.release();
      await pool.end();
      return NOTHING_SENT;
    },
  };
}
