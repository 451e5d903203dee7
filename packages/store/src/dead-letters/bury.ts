import type { Queryable } from '../database/database.ts';
import { columns, namedStatement, statement } from '../database/statement.ts';
import { goneAndNoted } from './leave.ts';

/** If the message has an entry already, it becomes the entry of a dead message. */
export const BURIED_AGAIN = `
  version = nextval('parked_versions'), reason = excluded.reason, stage = excluded.stage,
  tenant_id = excluded.tenant_id, client_id = excluded.client_id, dialog_id = excluded.dialog_id,
  channel = excluded.channel, fingerprint = excluded.fingerprint, mask = excluded.mask,
  trace_id = excluded.trace_id, error_code = excluded.error_code, error_message = excluded.error_message,
  attempts = excluded.attempts, received_at = excluded.received_at, failed_at = excluded.failed_at,
  body = null, bytes = excluded.bytes, waits = false, was_refused = false, indexed_at = null`;

const INSERT = `insert into parked (id, reason, stage, tenant_id, client_id, dialog_id, channel, fingerprint,
  trace_id, error_code, error_message, attempts, received_at, failed_at, bytes)`;

const MESSAGE = `m.tenant_id, m.client_id, m.dialog_id, c.code, ca.fingerprint, m.trace_id`;

const ACCOUNT = `left join channel_accounts ca on ca.tenant_id = m.tenant_id and ca.id = m.channel_account_id
  left join channels c on c.id = ca.channel_id`;

/** A dead message as an earlier version noted it in Redis. */
export interface FormerDeath {
  tenantId: string;
  messageId: string;
  reason: 'core_refused' | 'core_exhausted';
  error: { code: string; message: string };
  attempts: number;
  failedAt: string;
}

const LETTERS = `unnest(:tenant_ids, :ids, :reasons, :codes, :messages, :attempts, :failed_at)
  as l(tenant_id, id, reason, code, message, attempts, failed_at)`;

// Locks the rows, so that a message that is revived meanwhile gets no entry.
const buryFormer = namedStatement<{ id: string }>('bury_former')(
  {
    tenant_ids: 'uuid[]',
    ids: 'uuid[]',
    reasons: 'text[]',
    codes: 'text[]',
    messages: 'text[]',
    attempts: 'int[]',
    failed_at: 'timestamptz[]',
  },
  `with dead as (
     select l.reason, l.code as error_code, l.message, l.attempts as made, l.failed_at, m.*
       from ${LETTERS} join messages m on m.tenant_id = l.tenant_id and m.id = l.id
      where m.status = 'dead' order by m.tenant_id, m.id for share of m
   ), written as (
     ${INSERT}
     select m.id, m.reason, 'deliver', ${MESSAGE}, m.error_code, m.message, m.made, m.received_at, m.failed_at,
            octet_length(m.payload::text)
       from dead m ${ACCOUNT} order by m.id
     on conflict (id) do update set ${BURIED_AGAIN}
      where parked.stage = 'resolve' or excluded.failed_at > parked.failed_at
   )
   select m.id from ${LETTERS} join messages m on m.tenant_id = l.tenant_id and m.id = l.id
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
  if (deaths.length === 0) return [];
  const rows = await buryFormer(
    db,
    columns(deaths, {
      tenant_ids: (one) => one.tenantId,
      ids: (one) => one.messageId,
      reasons: (one) => one.reason,
      codes: (one) => one.error.code,
      messages: (one) => one.error.message,
      attempts: (one) => one.attempts,
      failed_at: (one) => one.failedAt,
    }),
  );
  return rows.map(({ id }) => id);
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
     select * from page
      where ($3::int is null or (attempt_log -> -1 ->> 'at')::timestamptz > now() - $3::int * interval '1 s')
        and not exists (select from parked p where p.id = page.id)
   ), written as (
     ${INSERT}
     select m.id, case when m.last_error ~ '${RETRIED}' then 'core_exhausted' else 'core_refused' end, 'deliver',
            ${MESSAGE}, coalesce(m.last_error, 'unknown'), 'restored from the ledger', m.attempts, m.received_at,
            coalesce((m.attempt_log -> -1 ->> 'at')::timestamptz, now()), octet_length(m.payload::text)
       from lacking m ${ACCOUNT} order by m.id
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
  let after = [NIL, NIL];
  let written = 0;
  for (;;) {
    const rows = await buryPage(db, ...after, withinSeconds);
    const last = rows.at(-1);
    if (last === undefined) return written;
    written += rows.filter((row) => row.is_new).length;
    after = [last.tenant_id, last.id];
  }
}

const dropAlive = statement<{ id: string }>(
  'drop_alive_parked',
  `with ${goneAndNoted(
    `select k.id from parked k join messages m on m.tenant_id = k.tenant_id and m.id = k.id
      where k.stage = 'deliver' and m.status <> 'dead'
      order by k.id for update of k, m skip locked`,
    'let_in',
  )}
   select id from gone`,
);

// The body of a stalled entry is always our JSON. The body of another entry may not be JSON.
const dropResolved = statement<{ id: string }>(
  'drop_resolved_parked',
  `with ${goneAndNoted(
    `select k.id from parked k join messages m on m.id = k.id
      where k.stage = 'resolve' and k.reason = 'stalled'
        and m.content_hash = case k.reason when 'stalled' then k.body::json ->> 'contentHash' end
      order by k.id for update of k skip locked`,
    'let_in',
  )}
   select id from gone`,
);

/**
 * Removes entries of messages that are not dead, and of stalled messages that are in the ledger. Returns how many. A
 * worker of an earlier version revives a message without removing its entry, and so may one of three workers that replay
 * a message at the same moment. A duplicate of a stalled message, or another worker that held it, may resolve it.
 */
export async function dropAliveParked(db: Queryable): Promise<number> {
  return (await dropAlive(db)).length + (await dropResolved(db)).length;
}

const readMoved = statement<{ is_moved: boolean }>(
  'is_parked_moved',
  'select moved_at is not null as is_moved from parked_move',
);
const noteMoved = statement(
  'note_parked_moved',
  'update parked_move set moved_at = now() where moved_at is null',
);

/** Whether all entries that an earlier version kept in Redis are in Postgres by now. */
export async function isMoved(db: Queryable): Promise<boolean> {
  return (await readMoved(db))[0]?.is_moved === true;
}

export async function noteAllMoved(db: Queryable): Promise<void> {
  await noteMoved(db);
}
