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
       from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[])
            as a(tenant_id, id, earlier, status, code, ms)
      where m.tenant_id = a.tenant_id and m.id = a.id
        and m.status not in ('delivered', 'dead') and m.attempts = a.earlier
     returning 1
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
