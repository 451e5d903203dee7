import type { PoolClient } from '../pool.ts';
import { inBatches, type ShowProgress } from './in-batches.ts';

/** Some thousands of rows. */
const BLOCKS = 40;

async function countBlocks(client: PoolClient, table: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select (pg_relation_size(to_regclass($1)) / current_setting('block_size')::int)::int as n`,
    [table],
  );
  return rows[0]?.n ?? 0;
}

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
 * Gives the rows of a table the tenant of their client, along its pages: the table may have no key.
 * A row that moves meanwhile is one that was updated, and so the trigger's.
 */
export async function fillTenants(
  client: PoolClient,
  step: string,
  table: 'client_channels' | 'dialogs',
  show: ShowProgress,
): Promise<void> {
  const blocks = await countBlocks(client, table);
  await inBatches(client, step, { first: '0', total: blocks, show }, async (cursor) => {
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
