import { columns, type Queryable, statement } from '../statement.ts';
import type { Lane, PendingMessage } from './lane.ts';
import { createLaneMarks, type LaneMarks } from './lane-marks.ts';
import { IN_PART, sinceMark } from './mark-sql.ts';

/** A lane that is due, with what is next in it, in `seq` order. */
export interface DueLane extends Lane {
  shard: number;
  messages: PendingMessage[];
  /** Whether the lane has more messages than these. */
  hasMore: boolean;
  /** The size of the payloads of these messages. */
  bytes: number;
}

export interface Wanted {
  shards: readonly number[];
  /** How many lanes at most, of all shards together. */
  lanes: number;
  messagesPerLane: number;
  /** Bounds the size of all payloads together. The first message of each lane is read in any case. */
  bytes?: number;
  /** Dialogs in hand, which are not taken. */
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
  /** How many lanes of its tenant the scans have reached. */
  seen: number;
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
  bytes: number;
  /** Null if the message does not fit. */
  payload: string | null;
}

type Row = LaneColumns & (MessageColumns | { id: null });

/**
 * At least this many lanes of a shard are scanned: a tenant's first lane can come before another tenant's second only
 * if the scan reaches it.
 */
const LEAST_SEEN = 8;

/** The assumed size of a message of an earlier version. */
const UNKNOWN_BYTES = 256 * 1024;

// One snapshot for lanes and messages: a message that is missing here came after it, and with it a new
// version of the lane. A lane without messages comes, too: it has to be removed. Messages are read only of lanes that
// get a place, and payloads only of first messages and of others that fit beside them, so that a lane of big messages
// does not delay the others.
const findDue = statement<Row>(
  'take_due',
  `select l.shard, l.tenant_id, l.dialog_id, l.version, l.seen, m.id, m.trace_id, m.trace_parent, m.seq, m.attempts,
          m.attempts_before, m.last_error, (extract(epoch from m.received_at) * 1000)::float8 as received_ms, m.bytes,
          case when m.place <= $12::int and (m.place = 1
                 or sum(m.bytes) over (order by coalesce(m.place, 1), l.rank) <= $11::float8)
               then m.payload::text end as payload
     from (
       select due.*, row_number() over (order by due.place, due.due_at) as rank
         from (
           select l.*, row_number() over (partition by l.tenant_id order by l.due_at) as place,
                  (count(*) over (partition by l.tenant_id))::int as seen
             from unnest($1::int[], $2::uuid[], $3::float8[], $4::int[]) as p(shard, tenant_id, from_ms, most)
            cross join lateral (
              select shard, tenant_id, dialog_id, version, due_at
                from lanes
               where shard = p.shard and due_at >= ${sinceMark('p.from_ms')} and due_at <= now()
                 and dialog_id <> all($6::uuid[]) and ${IN_PART('p', '$5')}
               order by due_at limit p.most
            ) l
         ) due
         left join unnest($7::uuid[], $8::int[]) as r(tenant_id, room) using (tenant_id)
        where due.place <= coalesce(r.room, $9::int)
        order by due.place, due.due_at limit $10
     ) l
     left join lateral (
       select row_number() over (order by seq) as place, n.*
         from (
           select id, trace_id, trace_parent, seq, attempts, attempts_before, last_error, received_at, payload,
                  coalesce(payload_bytes, ${UNKNOWN_BYTES}) as bytes
             from messages
            where tenant_id = l.tenant_id and dialog_id = l.dialog_id and status = 'pending'
            order by seq limit $12::int + 1
         ) n
     ) m on true
    order by coalesce(m.place, 1), l.rank`,
);

function messageOf(
  { tenant_id, dialog_id }: LaneColumns,
  row: MessageColumns,
  payload: string,
): PendingMessage {
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
    payload,
  };
}

function lanesOf(rows: readonly Row[]): DueLane[] {
  const lanes = new Map<string, DueLane>();
  for (const row of rows) {
    const { shard, tenant_id: tenantId, dialog_id: dialogId, version } = row;
    let lane = lanes.get(dialogId);
    if (lane === undefined) {
      lane = { shard, tenantId, dialogId, version, messages: [], hasMore: false, bytes: 0 };
      lanes.set(dialogId, lane);
    }
    if (row.id === null) continue;
    if (row.payload === null) lane.hasMore = true;
    else {
      lane.messages.push(messageOf(row, row, row.payload));
      lane.bytes += row.bytes;
    }
  }
  return [...lanes.values()];
}

/**
 * The due lanes of these shards with their next messages: every tenant's first lane before any tenant's second, and
 * among these the longest due first. The scans begin at the marks.
 */
export async function takeDue(
  db: Queryable,
  wanted: Wanted,
  marks: LaneMarks = createLaneMarks(),
): Promise<DueLane[]> {
  const { shards, notDialogs, rooms, lanesPerTenant, lanes, messagesPerLane } = wanted;
  const roomOf = new Map(rooms.map(({ tenantId, room }) => [tenantId, room]));
  const full = rooms.filter(({ room }) => room <= 0).map(({ tenantId }) => tenantId);
  marks.noteFull(full);
  const { parts, apart } = marks.partsOf(shards);
  const mostOf = (tenantId: string | null) =>
    tenantId === null
      ? Math.max(lanes, LEAST_SEEN)
      : Math.min(lanes, roomOf.get(tenantId) ?? lanesPerTenant);
  const asked = parts
    .map((part) => ({ ...part, most: mostOf(part.tenantId) }))
    .filter(({ most }) => most > 0);
  const rows = await findDue(
    db,
    ...columns(
      asked,
      (part) => part.shard,
      (part) => part.tenantId,
      (part) => part.fromMs,
      (part) => part.most,
    ),
    [...new Set([...apart, ...full])],
    notDialogs,
    ...columns(
      rooms,
      (r) => r.tenantId,
      (r) => r.room,
    ),
    lanesPerTenant,
    lanes,
    wanted.bytes ?? Number.POSITIVE_INFINITY,
    messagesPerLane,
  );
  // Its lanes can fill the scan of a shard and hide those of others. From the next take on they do not.
  for (const { tenant_id, seen } of rows) if (seen >= LEAST_SEEN) marks.setApart(tenant_id);
  return lanesOf(rows);
}
