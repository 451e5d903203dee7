import type { MessageId, TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { restarting } from '../database/errors.ts';
import { columns, namedStatement } from '../database/statement.ts';
import { BURIED_AGAIN } from '../dead-letters/bury.ts';
import { storable } from '../dead-letters/park.ts';
import type { Lane } from './take-due.ts';

/** The result of one attempt, as it is stored. */
export interface Attempt {
  tenantId: TenantId;
  messageId: MessageId;
  /** How many attempts there were before this one. */
  earlier: number;
  status: 'pending' | 'delivered' | 'dead';
  /** Null if the message was delivered. */
  error: { code: string; ms: number } | null;
  /** The dead-letter entry of a dead message. */
  death?: Death;
}

export interface Death {
  reason: 'core_refused' | 'core_exhausted';
  message: string;
}

/** The results of a delivery run: attempts, empty lanes, and lanes that wait for a retry. */
export interface Settlement {
  attempts: Attempt[];
  emptied: Lane[];
  postponed: Array<{ lane: Lane; delayMs: number }>;
}

/*
 * A settlement may be written twice, because the answer to the first write may have been lost. So a message is marked
 * only while it has as many attempts as were known, and a lane is removed only in the version in which it was taken. A
 * postponed lane gets a new version: if another run has taken the lane, too, it can neither mark the message that failed
 * here nor remove the lane. `held` locks the lanes in key order, after the messages, as the resolver does. The entry of a
 * dead message is inserted in the same statement, so neither exists without the other.
 * The condition is not `status = 'pending'`: with it Postgres might read all pending messages of a tenant by their index.
 */
const writeSettlement = namedStatement<{ n: number }>('settle')(
  {
    message_tenant_ids: 'uuid[]',
    message_ids: 'uuid[]',
    earlier_attempts: 'int[]',
    statuses: 'text[]',
    codes: 'text[]',
    took_ms: 'int[]',
    death_reasons: 'text[]',
    death_messages: 'text[]',
    lane_tenant_ids: 'uuid[]',
    lane_dialog_ids: 'uuid[]',
    lane_versions: 'bigint[]',
    lane_delays_ms: 'float8[]',
  },
  `with attempted as (
     update messages m
        set status = a.status, attempts = m.attempts + 1,
            delivered_at = case a.status when 'delivered' then now() end,
            last_error = coalesce(a.code, m.last_error),
            attempt_log = case when a.code is null then m.attempt_log else
              coalesce(m.attempt_log, '[]') || jsonb_build_object('at', now(), 'code', a.code, 'ms', a.ms) end
       from unnest(:message_tenant_ids, :message_ids, :earlier_attempts, :statuses, :codes, :took_ms,
                   :death_reasons, :death_messages)
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
       from unnest(:lane_tenant_ids, :lane_dialog_ids, :lane_versions, :lane_delays_ms)
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

/** Writes the results of many dialogs in one statement. Starts again if it loses a race. */
export async function settle(db: Queryable, settlement: Settlement): Promise<void> {
  const { attempts, emptied, postponed } = settlement;
  const lanes = [...emptied.map((lane) => ({ lane, delayMs: null })), ...postponed];
  const values = {
    ...columns(attempts, {
      message_tenant_ids: (one) => one.tenantId,
      message_ids: (one) => one.messageId,
      earlier_attempts: (one) => one.earlier,
      statuses: (one) => one.status,
      codes: (one) => one.error?.code ?? null,
      took_ms: (one) => (one.error === null ? null : Math.round(one.error.ms)),
      death_reasons: (one) => one.death?.reason ?? null,
      death_messages: (one) => (one.death === undefined ? null : storable(one.death.message)),
    }),
    ...columns(lanes, {
      lane_tenant_ids: ({ lane }) => lane.tenantId,
      lane_dialog_ids: ({ lane }) => lane.dialogId,
      lane_versions: ({ lane }) => lane.version,
      lane_delays_ms: ({ delayMs }) => delayMs,
    }),
  };
  await restarting(() => writeSettlement(db, values));
}
