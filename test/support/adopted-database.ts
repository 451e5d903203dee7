import type { Pool } from './outside-pool.ts';

const RULES: Record<string, string> = {
  'a repeated identity': `select 1 from client_channels group by tenant_id, channel_id, external_id having count(*) > 1`,
  'a repeated phone': `select 1 from clients where phone is not null group by tenant_id, phone having count(*) > 1`,
  'two open dialogs': `select 1 from dialogs where status_id in (1, 2)
     group by tenant_id, client_id, channel_account_id having count(*) > 1`,
  'an identity of another tenant': `select 1 from client_channels i left join clients c on c.id = i.client_id
     where c.tenant_id is distinct from i.tenant_id`,
  'a lost client': `select 1 from original_clients o where not exists (select from clients c where c.id = o.id)`,
  'a lost note or call': `select 1 from original_clients o where not exists (select from crm_notes n where n.client_id = o.id)
     union all select 1 from dialogs d where status_id = 4 and not exists (select from crm_calls l where l.dialog_id = d.id)`,
  'a phone that was typed and is not kept': `select 1 from original_clients o join clients c using (id)
     where c.phone_as_typed is distinct from o.phone`,
  'a phone in another form': `select 1 from original_clients join clients c using (id) where c.phone !~ '^\\+7[0-9]{10}$'`,
  'a phone taken from the oldest': `select 1 from clients c join original_clients o using (id)
     where c.phone is null and o.phone is not null and o.phone <> 'ask the wife'
       and not exists (select from clients k where k.tenant_id = c.tenant_id and k.created_at < c.created_at
                          and k.phone = '+7' || right(regexp_replace(o.phone, '\\D', '', 'g'), 10))`,
  'an open dialog that is not the newest': `select 1 from dialogs d join dialogs n
       on n.client_id = d.client_id and n.status_id = 3 and n.channel_account_id = d.channel_account_id
     where d.status_id in (1, 2) and n.created_at > d.created_at`,
  'a dialog of an account that was set aside': `select 1 from dialogs where channel_account_id = 5`,
  'a dialog that was moved without a note': `select 1 from original_clients o
     where right(o.id::text, 12)::int % 40 = 0 and not exists (
       select from contour_adoption_set_aside s join dialogs d on d.id::text = s.row_key
        where s.table_name = 'dialogs' and s.before ->> 'channel_account_id' = '5'
          and d.client_id = o.id and d.channel_account_id = 1)`,
  'a chat without its client': `select 1 from original_clients o where not exists (
       select from client_channels i where i.external_id = 'user-' || (right(o.id::text, 12)::int))`,
};

/** The rules that an adopted database breaks, with counts. */
export async function auditAdopted(pool: Pool): Promise<string[]> {
  const broken: string[] = [];
  for (const [rule, sql] of Object.entries(RULES)) {
    const { rows } = await pool.query<{ n: number }>(`select count(*)::int as n from (${sql}) bad`);
    if (rows[0]?.n !== 0) broken.push(`${rows[0]?.n} times ${rule}`);
  }
  return broken;
}

const SCHEMA = `
  select c.relname || '.' || a.attname as what
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
  union all
  select 'not null ' || c.relname || '.' || a.attname
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnotnull and a.attnum > 0
   where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not a.attisdropped
  union all
  select (case when indisunique then 'unique ' else '' end) || indrelid::regclass || ' '
         || regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '')
    from pg_index join pg_class t on t.oid = indrelid
   where t.relnamespace = 'public'::regnamespace and indisvalid
  union all
  select 'trigger ' || tgrelid::regclass || ' ' || tgname from pg_trigger where not tgisinternal
  union all
  select 'function ' || proname || case when prosecdef then ' as its owner' else '' end
         || coalesce(proconfig::text, '')
    from pg_proc where pronamespace = 'public'::regnamespace
  union all
  select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint
   where connamespace = 'public'::regnamespace and contype in ('f', 'c') and convalidated
  union all
  select 'half an index ' || indexrelid::regclass from pg_index where not indisvalid
   order by what`;

/** Columns, indexes, triggers, functions and constraints. Names of indexes and constraints may differ. */
export async function schemaOf(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ what: string }>(SCHEMA);
  return rows.map(({ what }) => what);
}

const TABLES = [
  ...['tenants', 'channels', 'channel_accounts', 'clients', 'client_channels', 'dialogs'],
  ...['crm_notes', 'crm_calls', 'contour_adoption_set_aside'],
];
// Times, and generated numbers of rows that have another key.
const CHANCE = new Set(['created_at', 'updated_at', 'graph_changed_at', 'set_aside_at']);
const NUMBERED = new Set(['client_channels', 'contour_adoption_set_aside']);

/** All rows, without the values that differ from run to run. */
export async function rowsOf(pool: Pool): Promise<Record<string, string[]>> {
  const rowsByTable: Record<string, string[]> = {};
  for (const table of TABLES) {
    const isChance = (key: string) => CHANCE.has(key) || (key === 'id' && NUMBERED.has(table));
    const { rows } = await pool.query<{ row: object }>(`select to_jsonb(t) as row from ${table} t`);
    rowsByTable[table] = rows
      .map(({ row }) => JSON.stringify(row, (key, value) => (isChance(key) ? undefined : value)))
      .sort();
  }
  return rowsByTable;
}
