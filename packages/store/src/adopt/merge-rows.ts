import type { PoolClient } from '../pool.ts';
import { inBatches, type ShowProgress } from './in-batches.ts';

const PAGE = 500;

/** Finds repeated keys in key order, a page at a time, and leaves one row of each its place. */
interface Merge {
  table: string;
  key: readonly string[];
  /** The key's types, to begin the next page behind this one. */
  types: readonly string[];
  first: readonly string[];
  where: string;
  /** Within `groups` join the table as r: what comes first stays. */
  order: string;
  joins?: string;
  /** What becomes of the row of a place above 1; must return the row's id, or null, and what it was. */
  change: string;
  reason: string;
}

export const MERGES = {
  phones: {
    table: 'clients',
    key: ['tenant_id', 'phone'],
    types: ['uuid', 'text'],
    first: ['00000000-0000-0000-0000-000000000000', ''],
    where: 'r.phone is not null',
    order: 'r.created_at, r.id',
    change: `update clients t set phone = null from ranked k
              where t.id = k.row_id and k.place > 1 and t.phone = k.phone
             returning t.id::text as id, k.before`,
    reason: 'phone_of_another_client',
  },
  identities: {
    table: 'client_channels',
    key: ['tenant_id', 'channel_id', 'external_id'],
    types: ['uuid', 'int', 'text'],
    first: ['00000000-0000-0000-0000-000000000000', '-32768', ''],
    where: 'true',
    joins: `left join clients c on c.id = r.client_id and c.tenant_id = r.tenant_id
            left join lateral (
              select max(greatest(d.updated_at, d.created_at)) as at from dialogs d
               where d.client_id = r.client_id and d.channel_id = r.channel_id) talked on true`,
    order: 'c.id is null, talked.at desc nulls last, c.created_at, c.id, r.created_at, r.ctid',
    change: `delete from client_channels t using ranked k
              where t.ctid = k.row_ctid and k.place > 1
             returning null::text as id, k.before`,
    reason: 'identity_of_another_row',
  },
  dialogs: {
    table: 'dialogs',
    key: ['tenant_id', 'client_id', 'channel_account_id'],
    types: ['uuid', 'uuid', 'int'],
    first: [
      '00000000-0000-0000-0000-000000000000',
      '00000000-0000-0000-0000-000000000000',
      '-2147483648',
    ],
    where: 'r.status_id in (1, 2)',
    order: 'greatest(r.updated_at, r.created_at) desc, r.created_at desc, r.id desc',
    change: `update dialogs t set status_id = 3 from ranked k
              where t.id = k.row_id and k.place > 1 and t.status_id in (1, 2)
             returning t.id::text as id, k.before`,
    reason: 'closed_for_a_newer_one',
  },
} satisfies Record<string, Merge>;

function statementOf({
  table,
  key,
  types,
  where,
  order,
  joins = '',
  change,
  reason,
}: Merge): string {
  const keyOf = (row: string) => key.map((name) => `${row}.${name}`).join(', ');
  const rowId = table === 'client_channels' ? 'null::uuid' : 'r.id';
  return `
    with groups as (
      select ${keyOf('r')} from ${table} r
       where ${where} and (${keyOf('r')}) > (${types.map((type, n) => `$${n + 1}::${type}`).join(', ')})
       group by ${keyOf('r')} having count(*) > 1 order by ${keyOf('r')} limit ${PAGE}
    ), ranked as materialized (
      select ${keyOf('r')}, ${rowId} as row_id, r.ctid as row_ctid, to_jsonb(r) as before,
             row_number() over (partition by ${keyOf('r')} order by ${order}) as place
        from groups g join ${table} r using (${key.join(', ')}) ${joins}
       where ${where}
    ), changed as (${change}), noted as (
      insert into contour_adoption_set_aside (table_name, row_key, reason, before)
      select '${table}', id, '${reason}', before from changed
    )
    select json_build_array(${keyOf('r')}) as key from groups r order by ${keyOf('r')}`;
}

/** Sets the repeated rows of one kind right, and notes what each was before. */
export async function mergeRows(
  client: PoolClient,
  step: string,
  merge: Merge,
  show: ShowProgress,
): Promise<void> {
  const sql = statementOf(merge);
  const first = JSON.stringify(merge.first);
  await inBatches(client, step, { first, total: 0, show }, async (cursor) => {
    const { rows } = await client.query<{ key: unknown[] }>(sql, JSON.parse(cursor) as unknown[]);
    const last = rows.at(-1);
    return { next: last && JSON.stringify(last.key), size: rows.length };
  });
}
