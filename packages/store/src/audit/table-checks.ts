import type { TenantId } from '@contour/contract';
import { MAX_LINKED } from '../resolve/find-clients.ts';

/** How many rows of each kind a tenant has, and its messages by status. */
export interface TenantCounts {
  clients: number;
  identities: number;
  dialogs: number;
  messages: number;
  lanes: number;
  delivered: number;
  dead: number;
  pending: number;
}

/** A row that seems to break a promise. `key` finds it again, and `detail` says what is wrong. */
export interface Suspect {
  tenantId: TenantId;
  key: string;
  detail: string;
}

/**
 * One promise, as a query for the rows of a tenant that break it. `$1` is the tenant, `$2` the keys to check again (null:
 * all), `$3` the number of days for which delivered messages are kept. It relies on no constraint, because an adopted
 * database may lack them.
 */
export interface TableCheck {
  name: string;
  /** The promise in a few words. */
  promise: string;
  /** The rows that it checks. */
  of: keyof TenantCounts;
  sql: string;
}

/** The columns that refer to a row, which must be of the same tenant. */
const EDGES = [
  ['dialogs', 'client_id', 'clients'],
  ['dialogs', 'channel_account_id', 'channel_accounts'],
  ['messages', 'dialog_id', 'dialogs'],
  ['messages', 'client_id', 'clients'],
  ['client_channels', 'client_id', 'clients'],
] as const;

/** What a row of each table is called, and the column that finds it again. */
const ROW = {
  clients: ['client', 'id'],
  channel_accounts: ['channel account', 'id'],
  dialogs: ['dialog', 'id'],
  messages: ['message', 'id'],
  client_channels: ['identity of client', 'client_id'],
} as const;

// If the tenant has no such row, it is looked up for each tenant, because the keys begin with the tenant.
const edgeSql = ([from, column, to]: (typeof EDGES)[number], isElsewhere: boolean): string => {
  const [what, key] = ROW[from];
  return `
  select f.${key}::text as key,
         format('${what} %s: ${ROW[to][0]} %s ${isElsewhere ? 'is of another tenant' : 'is missing'}',
                f.${key}, f.${column}) as detail
    from ${from} f
   where f.tenant_id = $1 and ($2::text[] is null or f.${key} = any($2::text[]::uuid[]))
     and not exists (select from ${to} t where t.tenant_id = f.tenant_id and t.id = f.${column})
     and ${isElsewhere ? '' : 'not '}exists (
       select from tenants o join ${to} t on t.tenant_id = o.id and t.id = f.${column})`;
};

/** Rows that refer to a row of another tenant. */
const FOREIGN_EDGES = EDGES.map((edge) => edgeSql(edge, true)).join('\n union all');

/** Rows that refer to a row that does not exist. */
const LOOSE_EDGES = EDGES.map((edge) => edgeSql(edge, false)).join('\n union all');

/** The keys to check again, or all. */
const among = (column: string) => `($2::text[] is null or ${column} = any($2::text[]))`;
const amongIds = (column: string) => `($2::text[] is null or ${column} = any($2::text[]::uuid[]))`;

const KEPT_SINCE = "(now() - $3::int * interval '1 day')";

// Delivered messages are deleted after some days: a number may be missing only if the message before it, or the dialog,
// is older than that. The number after the last one is checked like the others.
const SEQUENCE = `
  with page as (
    select tenant_id, id, last_seq, created_at from dialogs
     where tenant_id = $1 and ${amongIds('id')}
  ), numbered as (
    select p.id, m.seq, lag(m.seq, 1, 0) over own as before,
           coalesce(lag(m.resolved_at) over own, p.created_at) as since
      from page p join messages m on m.tenant_id = p.tenant_id and m.dialog_id = p.id
    window own as (partition by p.id order by m.seq)
    union all
    select p.id, p.last_seq + 1, coalesce(max(m.seq), 0), coalesce(max(m.resolved_at), p.created_at)
      from page p left join messages m on m.tenant_id = p.tenant_id and m.dialog_id = p.id
     group by p.id, p.last_seq, p.created_at
  ), broken as (
    select id, seq, before from numbered
     where seq <= before or (seq > before + 1 and since > ${KEPT_SINCE})
  )
  select b.id::text as key,
         format('dialog %s: last_seq %s, number %s follows %s', b.id, p.last_seq, b.seq, b.before) as detail
    from (select distinct on (id) * from broken order by id, seq) b join page p using (id)`;

// A dialog that is older may have lost messages to retention. Any other dialog must have all of them.
const CONSERVATION = `
  select $1::text as key,
         format('numbered %s, found %s: %s delivered, %s dead, %s pending',
                d.numbered, m.found, m.delivered, m.dead, m.pending) as detail
    from (select coalesce(sum(last_seq), 0) as numbered,
                 coalesce(sum(last_seq) filter (where created_at >= ${KEPT_SINCE}), 0) as numbered_lately
            from dialogs where tenant_id = $1) d,
         (select count(*) as found,
                 count(*) filter (where o.created_at >= ${KEPT_SINCE}) as found_lately,
                 count(*) filter (where status = 'delivered') as delivered,
                 count(*) filter (where status = 'dead') as dead,
                 count(*) filter (where status = 'pending') as pending
            from messages m left join dialogs o on o.tenant_id = m.tenant_id and o.id = m.dialog_id
           where m.tenant_id = $1) m
   where ${among('$1::text')}
     and (m.found <> m.delivered + m.dead + m.pending or m.found > d.numbered
          or m.found_lately <> d.numbered_lately)`;

const MESSAGE_TWICE = `
  select id::text as key, format('message %s has %s rows', id, count(*)) as detail
    from messages where tenant_id = $1 and ${amongIds('id')}
   group by id having count(*) > 1`;

const IDENTITY_TWICE = `
  select channel_id || ':' || external_id as key,
         format('clients %s have one identity on channel %s',
                string_agg(client_id::text, ', ' order by client_id), channel_id) as detail
    from client_channels
   where tenant_id = $1 and ${among("(channel_id || ':' || external_id)")}
   group by channel_id, external_id having count(*) > 1`;

const PHONE_TWICE = `
  select phone as key,
         format('clients %s have one phone', string_agg(id::text, ', ' order by id)) as detail
    from clients where tenant_id = $1 and phone is not null and ${among('phone')}
   group by phone having count(*) > 1`;

const TWO_OPEN_DIALOGS = `
  select client_id || ':' || channel_account_id as key,
         format('client %s has %s open dialogs on channel account %s',
                client_id, count(*), channel_account_id) as detail
    from dialogs
   where tenant_id = $1 and status_id in (1, 2) and ${among("(client_id || ':' || channel_account_id)")}
   group by client_id, channel_account_id having count(*) > 1`;

const PENDING_WITHOUT_LANE = `
  select m.dialog_id::text as key,
         format('dialog %s: %s pending messages and no lane', m.dialog_id, count(*)) as detail
    from messages m
   where m.tenant_id = $1 and m.status = 'pending' and ${amongIds('m.dialog_id')}
     and not exists (select from lanes l where l.tenant_id = m.tenant_id and l.dialog_id = m.dialog_id)
   group by m.dialog_id`;

const LANE_WITHOUT_PENDING = `
  select l.dialog_id::text as key,
         format('dialog %s: a lane and no pending message', l.dialog_id) as detail
    from lanes l
   where l.tenant_id = $1 and ${amongIds('l.dialog_id')}
     and not exists (select from messages m where m.tenant_id = l.tenant_id
                        and m.dialog_id = l.dialog_id and m.status = 'pending')`;

/** Each holds in every snapshot of the tables, except the last: the next delivery run removes such lanes. */
export const TABLE_CHECKS: readonly TableCheck[] = (
  [
    ['conservation', 'messages', 'numbered = delivered + dead + pending', CONSERVATION],
    ['sequence', 'dialogs', 'numbers without a gap or repeat', SEQUENCE],
    ['messages', 'messages', 'no message twice', MESSAGE_TWICE],
    ['identities', 'identities', 'one client for a channel identity', IDENTITY_TWICE],
    ['phones', 'clients', 'one client for a phone', PHONE_TWICE],
    ['open-dialogs', 'dialogs', 'one open dialog for a client and account', TWO_OPEN_DIALOGS],
    ['tenants', 'messages', 'nothing refers to another tenant', FOREIGN_EDGES],
    ['orphans', 'messages', 'nothing refers to a missing row', LOOSE_EDGES],
    ['pending', 'pending', 'a pending message has a lane', PENDING_WITHOUT_LANE],
    ['lanes', 'lanes', 'a lane has a pending message', LANE_WITHOUT_PENDING],
  ] as const
).map(([name, of, promise, sql]) => ({ name, promise, of, sql }));

/** A warning and no broken promise, because Core may be away. */
export const OVERDUE_LANES: TableCheck = {
  name: 'overdue',
  promise: 'while workers live, no lane is due for 5 min',
  of: 'lanes',
  sql: `
  select l.dialog_id::text as key,
         format('dialog %s: due for %s s', l.dialog_id,
                floor(extract(epoch from now() - l.due_at))) as detail
    from lanes l
   where l.tenant_id = $1 and ${amongIds('l.dialog_id')} and l.due_at < now() - interval '5 min'`,
};

/** A warning: the phone that links the identities may be a placeholder, or belong to another person. */
export const CROWDED_CLIENTS: TableCheck = {
  name: 'crowded',
  promise: `no client has ${MAX_LINKED} identities or more`,
  of: 'identities',
  sql: `
  select client_id::text as key,
         format('client %s has %s identities', client_id, count(*)) as detail
    from client_channels
   where tenant_id = $1 and ${amongIds('client_id')}
   group by client_id having count(*) >= ${MAX_LINKED}`,
};
