import { createIndex, dropIndex, inTransaction, type PoolClient, run } from '@contour/store/schema';
import { type Adopting, FIRST_ID, inBatches } from './batches.ts';

const DIALOGS_AT_ONCE = 2_000;

// A repeated account loses its credential. It is not noted: the account that stays has the same one.
const FREE_REPEATED = `
  with ranked as (
    select id, first_value(id) over same as keeper, to_jsonb(a) - 'account_id' as before,
           min(tenant_id::text) over (partition by channel_id, account_id)
             = max(tenant_id::text) over (partition by channel_id, account_id) as is_ours
      from channel_accounts a
    window same as (partition by channel_id, account_id order by is_active is true desc, id)
  ), freed as (
    update channel_accounts a set account_id = 'set-aside-' || a.id, is_active = false
      from ranked r where r.id = a.id and r.keeper <> a.id and r.is_ours
    returning a.id, r.keeper, r.before
  )
  insert into contour_adoption_set_aside (table_name, row_key, reason, before)
  select 'channel_accounts', id::text, 'credential_of_another_account',
         before || jsonb_build_object('kept_by', keeper) from freed`;

// Moves and notes in one statement, so that neither happens without the other.
const MOVE_DIALOGS = `
  with was as materialized (
    select d.id, to_jsonb(d) as before from dialogs d
     where d.channel_account_id = $1 limit ${DIALOGS_AT_ONCE} for update
  ), moved as (
    update dialogs set channel_account_id = $2 where id = any(array(select id from was))
    returning id
  )
  insert into contour_adoption_set_aside (table_name, row_key, reason, before)
  select 'dialogs', id::text, 'moved_to_another_account', before from moved join was using (id)`;

const BY_ACCOUNT = 'contour_adopt_account';

/** Leaves each credential to one account of its tenant. That account gets the dialogs of the others. */
export async function mergeAccounts(client: PoolClient): Promise<void> {
  await inTransaction(client, () => client.query(FREE_REPEATED));
  const rows = await run<{ id: number; keeper: number }>(
    client,
    `select row_key::int as id, (before ->> 'kept_by')::int as keeper
       from contour_adoption_set_aside where table_name = 'channel_accounts' order by id`,
  );
  if (rows.length > 0) {
    await createIndex(client, `create index ${BY_ACCOUNT} on dialogs (channel_account_id)`);
  }
  for (const { id, keeper } of rows) {
    for (let moved = DIALOGS_AT_ONCE; moved === DIALOGS_AT_ONCE; ) {
      moved = (await client.query(MOVE_DIALOGS, [id, keeper])).rowCount ?? 0;
    }
  }
  await dropIndex(client, BY_ACCOUNT);
}

const KEYS_AT_ONCE = 500;

/** Below every value of a type. */
const LOWEST = { uuid: FIRST_ID, int: '-2147483648', text: '' };

/** How one kind of repeated rows is found, in key order and page by page, and what is changed. */
interface Merge {
  table: string;
  /** The columns of the key, with their types. */
  key: Record<string, keyof typeof LOWEST>;
  where: string;
  /** The first row in this order stays. The table is `r`. */
  order: string;
  joins?: string;
  /** Changes the rows of a place above 1. Returns the row's id, or null, and the row as it was. */
  change: string;
  reason: string;
}

const MERGES = {
  phones: {
    table: 'clients',
    key: { tenant_id: 'uuid', phone: 'text' },
    where: 'r.phone is not null',
    order: 'r.created_at, r.id',
    change: `update clients t set phone = null from ranked k
              where t.id = k.row_id and k.place > 1 and t.phone = k.phone
             returning t.id::text as id, k.before`,
    reason: 'phone_of_another_client',
  },
  identities: {
    table: 'client_channels',
    key: { tenant_id: 'uuid', channel_id: 'int', external_id: 'text' },
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
    key: { tenant_id: 'uuid', client_id: 'uuid', channel_account_id: 'int' },
    where: 'r.status_id in (1, 2)',
    order: 'greatest(r.updated_at, r.created_at) desc, r.created_at desc, r.id desc',
    change: `update dialogs t set status_id = 3 from ranked k
              where t.id = k.row_id and k.place > 1 and t.status_id in (1, 2)
             returning t.id::text as id, k.before`,
    reason: 'closed_for_a_newer_one',
  },
} satisfies Record<string, Merge>;

function statementOf({ table, key, where, order, joins = '', change, reason }: Merge): string {
  const columns = Object.keys(key);
  const keyOf = (row: string) => columns.map((name) => `${row}.${name}`).join(', ');
  const last = Object.values(key).map((type, n) => `$${n + 1}::${type}`);
  const rowId = table === 'client_channels' ? 'null::uuid' : 'r.id';
  return `
    with groups as (
      select ${keyOf('r')} from ${table} r
       where ${where} and (${keyOf('r')}) > (${last.join(', ')})
       group by ${keyOf('r')} having count(*) > 1 order by ${keyOf('r')} limit ${KEYS_AT_ONCE}
    ), ranked as materialized (
      select ${keyOf('r')}, ${rowId} as row_id, r.ctid as row_ctid, to_jsonb(r) as before,
             row_number() over (partition by ${keyOf('r')} order by ${order}) as place
        from groups g join ${table} r using (${columns.join(', ')}) ${joins}
       where ${where}
    ), changed as (${change}), noted as (
      insert into contour_adoption_set_aside (table_name, row_key, reason, before)
      select '${table}', id, '${reason}', before from changed
    )
    select json_build_array(${keyOf('r')}) as key from groups r order by ${keyOf('r')}`;
}

/** Merges the repeated rows of one kind, and notes each changed row as it was. */
async function mergeRows(adopting: Adopting, what: keyof typeof MERGES): Promise<void> {
  const merge: Merge = MERGES[what];
  const sql = statementOf(merge);
  const first = JSON.stringify(Object.values(merge.key).map((type) => LOWEST[type]));
  await inBatches(adopting, `merge ${what}`, { first, total: 0 }, async (cursor) => {
    const after = JSON.parse(cursor) as unknown[];
    const { rows } = await adopting.client.query<{ key: unknown[] }>(sql, after);
    const last = rows.at(-1);
    return { next: last && JSON.stringify(last.key), size: rows.length };
  });
}

/** Merges repeated rows, and makes their unique index. If it meets a newer duplicate, the rows are merged again. */
export async function mergeInto(
  adopting: Adopting,
  what: keyof typeof MERGES,
  index: string,
): Promise<void> {
  const { client } = adopting;
  await mergeRows(adopting, what);
  await createIndex(client, index, async () => {
    await client.query('delete from contour_adoption where step = $1', [`merge ${what}`]);
    await mergeRows(adopting, what);
  });
}
