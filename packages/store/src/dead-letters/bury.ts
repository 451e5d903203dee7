import type { Queryable } from '../database/database.ts';
import { namedStatement, pages, type Rows, statement } from '../database/statement.ts';
import { goneAndNoted } from './leave.ts';

/**
 * SQL that makes the entries of dead messages. `dead` selects rows of `messages` with the columns of the entry that they
 * do not have themselves.
 */
export const insertEntries = (dead: string): string => `
  insert into parked (id, reason, stage, tenant_id, client_id, dialog_id, channel, fingerprint, trace_id,
                      error_code, error_message, attempts, received_at, failed_at, bytes)
  select d.id, d.reason, 'deliver', d.tenant_id, d.client_id, d.dialog_id, c.code, ca.fingerprint, d.trace_id,
         d.error_code, d.error_message, d.attempts, d.received_at, d.failed_at, d.bytes
    from (${dead}) d
    left join channel_accounts ca on ca.tenant_id = d.tenant_id and ca.id = d.channel_account_id
    left join channels c on c.id = ca.channel_id
   order by d.id`;

/** If the message has an entry already, it becomes the entry of a dead message. */
export const BURIED_AGAIN = `on conflict (id) do update set
  version = nextval('parked_versions'), reason = excluded.reason, stage = excluded.stage,
  tenant_id = excluded.tenant_id, client_id = excluded.client_id, dialog_id = excluded.dialog_id,
  channel = excluded.channel, fingerprint = excluded.fingerprint, mask = excluded.mask,
  trace_id = excluded.trace_id, error_code = excluded.error_code, error_message = excluded.error_message,
  attempts = excluded.attempts, received_at = excluded.received_at, failed_at = excluded.failed_at,
  body = null, bytes = excluded.bytes, waits = false, was_refused = false, indexed_at = null`;

const MESSAGE = `m.tenant_id, m.id, m.client_id, m.dialog_id, m.channel_account_id, m.trace_id, m.received_at,
  octet_length(m.payload::text) as bytes`;

/** A dead message as an earlier version noted it in Redis. */
export interface FormerDeath {
  tenantId: string;
  messageId: string;
  reason: 'core_refused' | 'core_exhausted';
  error: { code: string; message: string };
  attempts: number;
  failedAt: string;
}

const DEATHS: Rows<FormerDeath> = {
  tenant_id: ['uuid', (one) => one.tenantId],
  id: ['uuid', (one) => one.messageId],
  reason: ['text', (one) => one.reason],
  error_code: ['text', (one) => one.error.code],
  error_message: ['text', (one) => one.error.message],
  attempts: ['int', (one) => one.attempts],
  failed_at: ['timestamptz', (one) => one.failedAt],
};

// Locks the rows, so that a message that is revived meanwhile gets no entry.
const buryFormer = namedStatement<{ id: string }>('bury_former')(
  { deaths: DEATHS },
  `with dead as (
     select ${MESSAGE}, l.reason, l.error_code, l.error_message, l.attempts, l.failed_at
       from :deaths l join messages m on m.tenant_id = l.tenant_id and m.id = l.id
      where m.status = 'dead' order by m.tenant_id, m.id for share of m
   ), written as (
     ${insertEntries('select * from dead')}
     ${BURIED_AGAIN}
      where parked.stage = 'resolve' or excluded.failed_at > parked.failed_at
   )
   select m.id from :deaths l join messages m on m.tenant_id = l.tenant_id and m.id = l.id
    where m.status = 'pending'`,
);

/**
 * Parks messages that an earlier version has given up. Returns the ids of those that are still pending. A message that
 * is neither dead nor pending needs no entry.
 */
export async function parkFormerDeaths(
  db: Queryable,
  deaths: readonly FormerDeath[],
): Promise<string[]> {
  return deaths.length === 0 ? [] : (await buryFormer(db, { deaths })).map(({ id }) => id);
}

const NIL = '00000000-0000-0000-0000-000000000000';
const PAGE = 200;

const RETRIED = '^(timeout|network|http_(404|408|425|429|5[0-9][0-9]))$';

const buryPage = statement<{ tenant_id: string; id: string; is_new: boolean }>(
  'bury_dead_page',
  `with page as (
     select m.* from messages m
      where m.status = 'dead' and (m.tenant_id, m.id) > ($1::uuid, $2::uuid)
      order by m.tenant_id, m.id limit ${PAGE} for share
   ), lacking as (
     select ${MESSAGE}, m.attempts, coalesce(m.last_error, 'unknown') as error_code,
            case when m.last_error ~ '${RETRIED}' then 'core_exhausted' else 'core_refused' end as reason,
            'restored from the ledger' as error_message, coalesce(last.at, now()) as failed_at
       from page m cross join lateral (select (m.attempt_log -> -1 ->> 'at')::timestamptz as at) last
      where ($3::int is null or last.at > now() - $3::int * interval '1 s')
        and not exists (select from parked p where p.id = m.id)
   ), written as (
     ${insertEntries('select * from lacking')}
     on conflict (id) do nothing
     returning id
   )
   select page.tenant_id, page.id, exists (select from written w where w.id = page.id) as is_new
     from page order by 1, 2`,
);

/**
 * Makes missing entries of dead messages: of all, or of those that died in the last seconds. Returns how many. For a
 * Redis that lost entries of an earlier version.
 */
export async function buryDead(db: Queryable, withinSeconds: number | null): Promise<number> {
  let written = 0;
  const read = (last = { tenant_id: NIL, id: NIL }) =>
    buryPage(db, last.tenant_id, last.id, withinSeconds);
  for await (const rows of pages(read)) written += rows.filter((row) => row.is_new).length;
  return written;
}

const dropAlive = statement(
  'drop_alive_parked',
  `with ${goneAndNoted(
    `select k.id from parked k join messages m on m.tenant_id = k.tenant_id and m.id = k.id
      where k.stage = 'deliver' and m.status <> 'dead'
      order by k.id for update of k, m skip locked`,
    'let_in',
  )}
   select from gone`,
);

// The body of a stalled entry is always our JSON. The body of another entry may not be JSON.
const dropResolved = statement(
  'drop_resolved_parked',
  `with ${goneAndNoted(
    `select k.id from parked k join messages m on m.id = k.id
      where k.stage = 'resolve' and k.reason = 'stalled'
        and m.content_hash = case k.reason when 'stalled' then k.body::json ->> 'contentHash' end
      order by k.id for update of k skip locked`,
    'let_in',
  )}
   select from gone`,
);

/**
 * Removes entries of messages that are not dead, and of stalled messages that are in the ledger. Returns how many. A
 * worker of an earlier version revives a message without removing its entry, and so may one of three workers that replay
 * a message at the same moment. A duplicate of a stalled message, or another worker that held it, may resolve it.
 */
export async function dropAliveParked(db: Queryable): Promise<number> {
  return (await dropAlive(db)).length + (await dropResolved(db)).length;
}

const readMoved = statement(
  'is_parked_moved',
  'select from parked_move where moved_at is not null',
);

/** Whether all entries that an earlier version kept in Redis are in Postgres by now. */
export const isMoved = async (db: Queryable) => (await readMoved(db)).length > 0;

export const noteAllMoved = statement(
  'note_parked_moved',
  'update parked_move set moved_at = now() where moved_at is null',
);
