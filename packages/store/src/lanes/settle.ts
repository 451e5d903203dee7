import type { MessageId, TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { restarting } from '../database/errors.ts';
import { namedStatement, type Rows } from '../database/statement.ts';
import { BURIED_AGAIN, insertEntries } from '../dead-letters/bury.ts';
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

const ATTEMPTS: Rows<Attempt> = {
  tenant_id: ['uuid', (one) => one.tenantId],
  id: ['uuid', (one) => one.messageId],
  earlier: ['int', (one) => one.earlier],
  status: ['text', (one) => one.status],
  code: ['text', (one) => one.error?.code ?? null],
  ms: ['int', (one) => (one.error === null ? null : Math.round(one.error.ms))],
  reason: ['text', (one) => one.death?.reason ?? null],
  message: ['text', (one) => (one.death === undefined ? null : storable(one.death.message))],
};

/** Without a delay it is removed. */
const LANES: Rows<{ lane: Lane; delayMs: number | null }> = {
  tenant_id: ['uuid', ({ lane }) => lane.tenantId],
  dialog_id: ['uuid', ({ lane }) => lane.dialogId],
  version: ['bigint', ({ lane }) => lane.version],
  delay_ms: ['float8', ({ delayMs }) => delayMs],
};

/*
 * A settlement may be written twice, because the answer to the first write may have been lost. So a message is marked
 * only while it has as many attempts as were known, and a lane is removed only in the version in which it was taken. A
 * postponed lane gets a new version: if another run has taken the lane, too, it can neither mark the message that failed
 * here nor remove the lane. `held` locks the lanes in key order, after the messages, as the resolver does. The entry of a
 * dead message is inserted in the same statement, so neither exists without the other.
 * The condition is not `status = 'pending'`: with it Postgres might read all pending messages of a tenant by their index.
 */
const writeSettlement = namedStatement<{ n: number }>('settle')(
  { attempts: ATTEMPTS, lanes: LANES },
  `with attempted as (
     update messages m
        set status = a.status, attempts = m.attempts + 1,
            delivered_at = case a.status when 'delivered' then now() end,
            last_error = coalesce(a.code, m.last_error),
            attempt_log = case when a.code is null then m.attempt_log else
              coalesce(m.attempt_log, '[]') || jsonb_build_object('at', now(), 'code', a.code, 'ms', a.ms) end
       from :attempts a
      where m.tenant_id = a.tenant_id and m.id = a.id
        and m.status not in ('delivered', 'dead') and m.attempts = a.earlier
     returning m.tenant_id, m.id, m.client_id, m.dialog_id, m.channel_account_id, m.trace_id, m.received_at,
               m.attempts, m.status, a.code, a.message, coalesce(a.reason, 'core_refused') as reason,
               case m.status when 'dead' then octet_length(m.payload::text) end as bytes
   ), buried as (
     ${insertEntries(`
       select d.*, coalesce(d.code, 'unknown') as error_code, coalesce(d.message, d.code, 'unknown') as error_message,
              now() as failed_at
         from attempted d where d.status = 'dead'`)}
     ${BURIED_AGAIN}
   ), held as (
     select l.tenant_id, l.dialog_id, q.delay_ms, q.version
       from :lanes q join lanes l using (tenant_id, dialog_id)
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
  await restarting(() => writeSettlement(db, { attempts, lanes }));
}
