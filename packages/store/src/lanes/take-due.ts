import { columns, type Queryable, statement } from '../statement.ts';
import type { Lane, PendingMessage } from './lane.ts';

/** A lane that is due, with what is next in it, in `seq` order. */
export interface DueLane extends Lane {
  shard: number;
  messages: PendingMessage[];
}

export interface Wanted {
  shards: readonly number[];
  /** How many lanes at most, of all shards together. */
  lanes: number;
  messagesPerLane: number;
  /** In somebody's hands. */
  notDialogs: readonly string[];
  /** How many lanes of a tenant at most; none of those of whom there may be no more. */
  lanesPerTenant: number;
  rooms: ReadonlyArray<{ tenantId: string; room: number }>;
}

interface LaneColumns {
  shard: number;
  tenant_id: string;
  dialog_id: string;
  version: string;
}

interface MessageColumns {
  id: string;
  trace_id: string;
  trace_parent: string | null;
  seq: number;
  attempts: number;
  attempts_before: number;
  last_error: string | null;
  received_ms: number;
  payload: string;
}

type Row = LaneColumns & (MessageColumns | { id: null });

// One snapshot for lanes and messages: a message that is missing here came after it, and with it a new
// version of the lane. A lane without messages comes, too: it has to be removed. Messages are read of those lanes
// only for which there is a place.
const findDue = statement<Row>(
  'take_due',
  `select l.shard, l.tenant_id, l.dialog_id, l.version, m.id, m.trace_id, m.trace_parent, m.seq, m.attempts,
          m.attempts_before, m.last_error, m.received_ms, m.payload
     from (
       select due.*
         from (
           select l.*, row_number() over (partition by l.tenant_id order by l.due_at) as place
             from unnest($1::int[]) as q(shard)
            cross join lateral (
              select shard, tenant_id, dialog_id, version, due_at
                from lanes
               where shard = q.shard and due_at <= now()
                 and dialog_id <> all($2::uuid[]) and tenant_id <> all($3::uuid[])
               order by due_at limit $4
            ) l
         ) due
         left join unnest($5::uuid[], $6::int[]) as r(tenant_id, room) using (tenant_id)
        where due.place <= coalesce(r.room, $7::int)
        order by due.due_at limit $4
     ) l
     left join lateral (
      select id, trace_id, trace_parent, seq, attempts, attempts_before, last_error,
             (extract(epoch from received_at) * 1000)::float8 as received_ms, payload::text as payload
        from messages
       where tenant_id = l.tenant_id and dialog_id = l.dialog_id and status = 'pending'
       order by seq limit $8
    ) m on true
    order by l.due_at, l.tenant_id, l.dialog_id, m.seq`,
);

function messageOf({ tenant_id, dialog_id }: LaneColumns, row: MessageColumns): PendingMessage {
  return {
    tenantId: tenant_id,
    dialogId: dialog_id,
    messageId: row.id,
    traceId: row.trace_id,
    traceParent: row.trace_parent,
    seq: row.seq,
    attempts: row.attempts,
    attemptsBefore: row.attempts_before,
    lastError: row.last_error,
    receivedAt: new Date(row.received_ms),
    payload: row.payload,
  };
}

/** The lanes of these shards that are due, those first that have been so for longest, with their next messages. */
export async function takeDue(db: Queryable, wanted: Wanted): Promise<DueLane[]> {
  const { shards, notDialogs, rooms, lanesPerTenant, messagesPerLane } = wanted;
  const full = rooms.filter(({ room }) => room <= 0).map(({ tenantId }) => tenantId);
  const [tenantIds, most] = columns(
    rooms,
    (r) => r.tenantId,
    (r) => r.room,
  );
  const perTenant = [tenantIds, most, lanesPerTenant];
  const asked = [shards, notDialogs, full, wanted.lanes, ...perTenant, messagesPerLane];
  const lanes = new Map<string, DueLane>();
  for (const row of await findDue(db, ...asked)) {
    const { shard, tenant_id: tenantId, dialog_id: dialogId, version } = row;
    const lane = lanes.get(dialogId) ?? { shard, tenantId, dialogId, version, messages: [] };
    if (row.id !== null) lane.messages.push(messageOf(row, row));
    lanes.set(dialogId, lane);
  }
  return [...lanes.values()];
}
