import { BURIED_AGAIN } from '../parked/bury.ts';
import { storable } from '../parked/letter-columns.ts';
import { isLostRace } from '../sql-error.ts';
import { columns, type Queryable, statement } from '../statement.ts';
import type { Lane } from './lane.ts';

const MAX_STARTS = 10;

/** How one attempt ended, as it is written down. */
export interface Attempt {
  tenantId: string;
  messageId: string;
  /** How many there were before this one. */
  earlier: number;
  status: 'pending' | 'delivered' | 'dead';
  /** Null for a delivery. */
  error: { code: string; ms: number } | null;
  /** The dead-letter entry of a dead message. */
  death?: Death;
}

export interface Death {
  reason: 'core_refused' | 'core_exhausted';
  message: string;
}

/** What a run has to write: attempts, lanes worked off, and lanes that wait for a retry. */
export interface Settlement {
  attempts: Attempt[];
  emptied: Lane[];
  postponed: Array<{ lane: Lane; delayMs: number }>;
}

// May be written twice, when the answer to the first time was lost: a message is marked only while it
// has as many attempts as were known, and a lane is removed only in the version that was taken. To be
// postponed is a new version: of another run that took the lane, too, the mark of the message that failed
// here is refused, and so must be the removal. Both updates of lanes lock in key order, as the resolver does.
// The same statement inserts a dead message's entry, so neither exists without the other.
// Not `status = 'pending'`: then all that is pending of a tenant might be read through, by the index of it.
const writeSettlement = statement<{ n: number }>(
  'settle',
  `with attempted as (
     update messages m
        set status = a.status, attempts = m.attempts + 1,
            delivered_at = case a.status when 'delivered' then now() end,
            last_error = coalesce(a.code, m.last_error),
            attempt_log = case when a.code is null then m.attempt_log else
              coalesce(m.attempt_log, '[]') || jsonb_build_object('at', now(), 'code', a.code, 'ms', a.ms) end
       from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[], $11::text[], $12::text[])
            as a(tenant_id, id, earlier, status, code, ms, reason, message)
      where m.tenant_id = a.tenant_id and m.id = a.id
        and m.status not in ('delivered', 'dead') and m.attempts = a.earlier
     returning m.tenant_id, m.id, m.client_id, m.dialog_id, m.channel_account_id, m.trace_id, m.received_at,
               m.attempts, m.status, a.code, a.reason, a.message,
               case m.status when 'dead' then octet_length(m.payload::text) end as bytes
   ), buried as (
     insert into parked (id, reason, stage, tenant_id, client_id, dialog_id, channel, fingerprint, trace_id,
                         error_code, error_message, attempts, received_at, bytes)
     select d.id, coalesce(d.reason, 'core_refused'), 'deliver', d.tenant_id, d.client_id, d.dialog_id, c.code,
            ca.fingerprint, d.trace_id, coalesce(d.code, 'unknown'), coalesce(d.message, d.code, 'unknown'),
            d.attempts, d.received_at, d.bytes
       from attempted d
       left join channel_accounts ca on ca.tenant_id = d.tenant_id and ca.id = d.channel_account_id
       left join channels c on c.id = ca.channel_id
      where d.status = 'dead'
      order by d.id
     on conflict (id) do update set ${BURIED_AGAIN}
   ), held as (
     select l.tenant_id, l.dialog_id, q.delay_ms, q.version
       from unnest($7::uuid[], $8::uuid[], $9::bigint[], $10::float8[])
            as q(tenant_id, dialog_id, version, delay_ms)
       join lanes l using (tenant_id, dialog_id)
      order by l.tenant_id, l.dialog_id
        for update of l
   ), emptied as (
     delete from lanes l using held h
      where h.delay_ms is null and l.tenant_id = h.tenant_id and l.dialog_id = h.dialog_id
        and l.version = h.version
   ), postponed as (
     update lanes l
        set due_at = now() + h.delay_ms * interval '1 ms', version = nextval('lane_versions')
       from held h
      where h.delay_ms is not null and l.tenant_id = h.tenant_id and l.dialog_id = h.dialog_id
   )
   select count(*)::int as n from attempted`,
);

/** Writes what many dialogs have come to in one statement; again where it loses a race. */
export async function settle(db: Queryable, settlement: Settlement): Promise<void> {
  const { attempts, emptied, postponed } = settlement;
  const lanes = [...emptied.map((lane) => ({ lane, delayMs: null })), ...postponed];
  const asked = [
    ...columns(
      attempts,
      (a) => a.tenantId,
      (a) => a.messageId,
      (a) => a.earlier,
      (a) => a.status,
      (a) => a.error?.code ?? null,
      (a) => (a.error === null ? null : Math.round(a.error.ms)),
    ),
    ...columns(
      lanes,
      ({ lane }) => lane.tenantId,
      ({ lane }) => lane.dialogId,
      ({ lane }) => lane.version,
      ({ delayMs }) => delayMs,
    ),
    ...columns(
      attempts,
      (a) => a.death?.reason ?? null,
      (a) => (a.death === undefined ? null : storable(a.death.message)),
    ),
  ];
  for (let start = 1; ; start += 1) {
    try {
      await writeSettlement(db, ...asked);
      return;
    } catch (error) {
      if (!isLostRace(error) || start === MAX_STARTS) throw error;
    }
  }
}
