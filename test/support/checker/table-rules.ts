import type { Pool } from '../outside-pool.ts';
import type { Violation, ViolationKind } from './violation.ts';

/**
 * Rules that always hold in the tables, each as a query for the rows that break it. They rely on no
 * constraint and join by ids alone, so that a row of another tenant is found.
 */
const RULES: ReadonlyArray<{ kind: ViolationKind; sql: string }> = [
  {
    kind: 'message_twice',
    sql: `select format('message %s has %s rows', id, count(*)) as detail
          from messages group by id having count(*) > 1`,
  },
  {
    kind: 'identity_twice',
    sql: `select format('channel %s, %s of tenant %s has %s rows',
                        channel_id, external_id, tenant_id, count(*)) as detail
          from client_channels group by tenant_id, channel_id, external_id having count(*) > 1`,
  },
  {
    kind: 'phone_twice',
    sql: `select format('phone %s of tenant %s has %s clients', phone, tenant_id, count(*)) as detail
          from clients where phone is not null group by tenant_id, phone having count(*) > 1`,
  },
  {
    kind: 'two_open_dialogs',
    sql: `select format('client %s has %s open dialogs on account %s',
                        client_id, count(*), channel_account_id) as detail
          from dialogs where status_id in (1, 2)
          group by tenant_id, client_id, channel_account_id having count(*) > 1`,
  },
  {
    kind: 'seq_gap',
    sql: `select format('dialog %s: last_seq %s, messages %s, seq %s to %s',
                        d.id, d.last_seq, m.count, m.min, m.max) as detail
          from dialogs d cross join lateral (
            select count(*), coalesce(min(seq), 1) as min, coalesce(max(seq), 0) as max,
                   count(distinct seq) as different
            from messages where tenant_id = d.tenant_id and dialog_id = d.id) m
          where m.max <> d.last_seq or m.min <> 1 or m.count <> m.max or m.different <> m.count`,
  },
  {
    kind: 'empty_dialog',
    sql: `select format('dialog %s', d.id) as detail from dialogs d
          where not exists (select 1 from messages where dialog_id = d.id)`,
  },
  {
    kind: 'client_without_identity',
    sql: `select format('client %s', c.id) as detail from clients c
          where not exists (select 1 from client_channels where client_id = c.id)`,
  },
  {
    kind: 'cross_tenant',
    sql: `select format('message %s and dialog %s', m.id, m.dialog_id) as detail
          from messages m left join dialogs d on d.id = m.dialog_id
          where (d.tenant_id, d.client_id, d.channel_account_id)
                is distinct from (m.tenant_id, m.client_id, m.channel_account_id)
          union all
          select format('message %s and client %s', m.id, m.client_id)
          from messages m left join clients c on c.id = m.client_id
          where c.tenant_id is distinct from m.tenant_id
          union all
          select format('dialog %s and client %s', d.id, d.client_id)
          from dialogs d left join clients c on c.id = d.client_id
          where c.tenant_id is distinct from d.tenant_id
          union all
          select format('dialog %s and account %s', d.id, d.channel_account_id)
          from dialogs d left join channel_accounts a on a.id = d.channel_account_id
          where (a.tenant_id, a.channel_id) is distinct from (d.tenant_id, d.channel_id)
          union all
          select format('identity %s and client %s', i.external_id, i.client_id)
          from client_channels i left join clients c on c.id = i.client_id
          where c.tenant_id is distinct from i.tenant_id`,
  },
  {
    kind: 'payload_disagrees',
    sql: `select format('message %s', id) as detail from messages
          where (payload->>'message_id', payload->>'tenant_id', payload->>'dialog_id',
                 payload->>'client_id', payload->>'seq', payload->>'channel_account_id')
                is distinct from
                (id::text, tenant_id::text, dialog_id::text, client_id::text, seq::text,
                 channel_account_id::text)`,
  },
  {
    kind: 'pending_without_lane',
    sql: `select format('message %s', m.id) as detail from messages m
          where m.status = 'pending' and not exists (
            select 1 from lanes where tenant_id = m.tenant_id and dialog_id = m.dialog_id
                                  and last_seq >= m.seq)`,
  },
  {
    kind: 'lane_without_pending',
    sql: `select format('dialog %s', l.dialog_id) as detail from lanes l
          where not exists (
            select 1 from messages where tenant_id = l.tenant_id and dialog_id = l.dialog_id
                                     and status = 'pending')`,
  },
];

/** Rules that report missing messages. The product's own audit knows which may be missing. */
const WITHOUT_REMOVAL: ReadonlySet<ViolationKind> = new Set(['seq_gap', 'empty_dialog']);

// One prepared statement: some tests run it every few milliseconds. A few rows per rule are enough: more
// would hide the other rules.
const askAll = (name: string, rules: typeof RULES) => ({
  name,
  text: rules
    .map(({ kind, sql }) => `(select '${kind}' as kind, detail from (${sql}) broken limit 5)`)
    .join('\nunion all\n'),
});

const EVERY_RULE = askAll('table_rules', RULES);
const RULES_AFTER_REMOVALS = askAll(
  'table_rules_after_removals',
  RULES.filter(({ kind }) => !WITHOUT_REMOVAL.has(kind)),
);

/** The violations. `hasRemovals`: the product may have removed old messages. */
export async function checkTables(
  pool: Pool,
  { hasRemovals = false }: { hasRemovals?: boolean } = {},
): Promise<Violation[]> {
  return (await pool.query<Violation>(hasRemovals ? RULES_AFTER_REMOVALS : EVERY_RULE)).rows;
}
