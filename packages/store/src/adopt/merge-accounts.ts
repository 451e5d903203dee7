import { createIndex, dropIndex } from '../ddl/create-index.ts';
import type { PoolClient } from '../pool.ts';
import { inTransaction } from '../transaction.ts';

const PAGE = 2_000;

// A repeated account gives up its credential, which the one that stays has too, and so it is not noted.
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

// Moved and noted in one statement: whichever of the two is there, the other one is, too.
const MOVE_DIALOGS = `
  with was as materialized (
    select d.id, to_jsonb(d) as before from dialogs d
     where d.channel_account_id = $1 limit ${PAGE} for update
  ), moved as (
    update dialogs set channel_account_id = $2 where id = any(array(select id from was))
    returning id
  )
  insert into contour_adoption_set_aside (table_name, row_key, reason, before)
  select 'dialogs', id::text, 'moved_to_another_account', before from moved join was using (id)`;

const BY_ACCOUNT = 'contour_adopt_account';

/** Leaves each credential to one account of its tenant, which also gets the dialogs of the others. */
export async function mergeAccounts(client: PoolClient): Promise<void> {
  await inTransaction(client, () => client.query(FREE_REPEATED));
  const { rows } = await client.query<{ id: number; keeper: number }>(
    `select row_key::int as id, (before ->> 'kept_by')::int as keeper
       from contour_adoption_set_aside where table_name = 'channel_accounts' order by id`,
  );
  if (rows.length > 0) {
    await createIndex(client, `create index ${BY_ACCOUNT} on dialogs (channel_account_id)`);
  }
  for (const { id, keeper } of rows) {
    for (let moved = PAGE; moved === PAGE; ) {
      moved = (await client.query(MOVE_DIALOGS, [id, keeper])).rowCount ?? 0;
    }
  }
  await dropIndex(client, BY_ACCOUNT);
}
