import { CHANNEL_CODES, CHANNELS, normalisePhone } from '@contour/contract';
import { createIndex, type PoolClient, run } from '@contour/store/schema';
import { type Adopting, FIRST_ID, inBatches } from './batches.ts';

/** Adds our channels, a few fixed rows. Other channels stay. */
export async function fillChannels(client: PoolClient): Promise<void> {
  await client.query(
    `insert into channels (id, code)
     select * from unnest($1::int[], $2::text[]) as ours(id, code)
      where not exists (select from channels c where c.id = ours.id)`,
    [CHANNEL_CODES.map((code) => CHANNELS[code].id), CHANNEL_CODES],
  );
  await createIndex(client, 'create unique index channels_code_key on channels (code)');
}

/** What Postgres knows about a table: an expression over pg_class. */
async function measure(client: PoolClient, table: string, what: string): Promise<number> {
  const sql = `select (${what})::int as n from pg_class where oid = to_regclass($1)`;
  return (await run<{ n: number }>(client, sql, [table]))[0]?.n ?? 0;
}

const COUNT_BLOCKS = `pg_relation_size(oid) / current_setting('block_size')::int`;
/** Holds some thousands of rows. */
const BLOCKS = 40;

const REMOVE_HOMELESS = `
  with gone as (
    delete from client_channels i
     where i.ctid >= $1::tid and i.ctid < $2::tid
       and (i.channel_id is null or i.external_id is null
            or not exists (select from clients c where c.id = i.client_id))
    returning to_jsonb(i) as before
  )
  insert into contour_adoption_set_aside (table_name, reason, before)
  select 'client_channels', 'identity_without_client', before from gone`;

/**
 * Sets the tenant of each row to that of its client. Goes by disk pages, because the table may have no
 * key. A row that moves to another page was updated, and the trigger has set its tenant.
 */
export async function fillTenants(
  adopting: Adopting,
  step: string,
  table: 'client_channels' | 'dialogs',
): Promise<void> {
  const { client } = adopting;
  const blocks = await measure(client, table, COUNT_BLOCKS);
  await inBatches(adopting, step, { first: '0', total: blocks }, async (cursor) => {
    const from = Number(cursor);
    const range = [`(${from},0)`, `(${from + BLOCKS},0)`];
    if (table === 'client_channels') await client.query(REMOVE_HOMELESS, range);
    await client.query(
      `update ${table} i set tenant_id = c.tenant_id from clients c
        where i.ctid >= $1::tid and i.ctid < $2::tid and c.id = i.client_id and i.tenant_id is null`,
      range,
    );
    const next = from + BLOCKS;
    return { next: next < blocks ? String(next) : undefined, size: BLOCKS };
  });
}

/** Writers to one of these rows wait for the whole page. */
const PAGE = 500;

/**
 * Writes each phone in the form in which the resolver searches, and keeps the typed form in
 * `phone_as_typed`, which also marks the row as done. A row that changed between read and write is left
 * to the next pass.
 */
export async function normalisePhones(adopting: Adopting, step: string): Promise<void> {
  const { client, region } = adopting;
  const total = await measure(client, 'clients', 'greatest(reltuples, 0)');
  await inBatches(adopting, step, { first: FIRST_ID, total }, async (cursor) => {
    const { rows } = await client.query<{ id: string; phone: string }>(
      `select id, phone from clients
        where id > $1 and phone is not null and phone_as_typed is null order by id limit ${PAGE}`,
      [cursor],
    );
    await client.query(
      `update clients c set phone = q.phone, phone_as_typed = q.typed
         from unnest($1::uuid[], $2::text[], $3::text[]) as q(id, typed, phone)
        where c.id = q.id and c.phone = q.typed and c.phone_as_typed is null`,
      [
        rows.map((row) => row.id),
        rows.map((row) => row.phone),
        rows.map((row) => normalisePhone(row.phone, region)),
      ],
    );
    return { next: rows.at(-1)?.id, size: rows.length };
  });
}
