import type { DialogId, MessageId, TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { namedStatement, type Rows } from '../database/statement.ts';
import {
  createLaneMarks,
  IN_PART,
  type LaneMarks,
  PART_COLUMNS,
  type Part,
  sinceMark,
} from './lane-marks.ts';

/**
 * The messages of a dialog that wait for Core, as a row of `lanes`. No lock is held during a delivery. The shard's job
 * (queue/jobs/wake-ups.ts) allows one run per shard; the version and the messages' attempts guard what a run writes
 * (settle.ts). Four statements lock this row, each after the rows of the messages: the upsert in
 * resolve/store-messages.ts, `held` in settle.ts, the upsert in messages/revive-message.ts, and `erase_client` in
 * erase/erase-person.ts. Statements about several lanes lock them in key order.
 */
export interface Lane {
  tenantId: TenantId;
  dialogId: DialogId;
  /** Guards the lane's removal, because everything that is added to a lane changes it. A bigint as text. */
  version: string;
}

export interface PendingMessage {
  tenantId: TenantId;
  dialogId: DialogId;
  messageId: MessageId;
  traceId: string;
  /** The W3C traceparent for its delivery; null if the message is not traced. */
  traceParent: string | null;
  seq: number;
  /** All attempts so far. The message is marked only if it still has as many. */
  attempts: number;
  /** Those of them that came before the last replay. */
  attemptsBefore: number;
  lastError: string | null;
  receivedAt: Date;
  /** The bytes that Core gets. */
  payload: string;
}

/** A lane that is due, with its next messages in `seq` order. */
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
  /** Dialogs that the caller has taken already. */
  notDialogs: readonly string[];
  /** How many lanes of a tenant at most. `rooms` has the tenants for which another limit holds. */
  lanesPerTenant: number;
  rooms: ReadonlyArray<{ tenantId: string; room: number }>;
}

interface MessageColumns
  extends Omit<PendingMessage, 'tenantId' | 'dialogId' | 'receivedAt' | 'payload'> {
  receivedMs: number;
  bytes: number;
  /** Null if the message does not fit. */
  payload: string | null;
}

/** `seen`: how many lanes of its tenant the scans have reached. */
type Row = Lane & { shard: number; seen: number } & (MessageColumns | { messageId: null });

/**
 * At least this many lanes of a shard are scanned: a tenant's first lane can come before another tenant's second only
 * if the scan reaches it.
 */
const LEAST_SEEN = 8;

/** The assumed size of a message of an earlier version. */
const UNKNOWN_BYTES = 256 * 1024;

const PARTS: Rows<Part & { most: number }> = {
  ...PART_COLUMNS,
  most: ['int', ({ most }) => most],
};

const ROOMS: Rows<Wanted['rooms'][number]> = {
  tenant_id: ['uuid', ({ tenantId }) => tenantId],
  room: ['int', ({ room }) => room],
};

// One snapshot for lanes and messages: a message that is missing here came later, and gave the lane a new version. A
// lane without messages is returned, too, because it has to be removed. Messages are read only for lanes that get a place,
// and payloads only of first messages and of others that fit beside them, so that a lane of big messages does not delay
// the others.
const findDue = namedStatement<Row>('take_due')(
  {
    parts: PARTS,
    apart: 'uuid[]',
    not_dialogs: 'uuid[]',
    rooms: ROOMS,
    lanes_per_tenant: 'int',
    lanes: 'int',
    max_bytes: 'float8',
    messages_per_lane: 'int',
  },
  `select l.shard, l.tenant_id as "tenantId", l.dialog_id as "dialogId", l.version, l.seen,
          m.id as "messageId",
          m.trace_id as "traceId", m.trace_parent as "traceParent", m.seq, m.attempts,
          m.attempts_before as "attemptsBefore", m.last_error as "lastError",
          (extract(epoch from m.received_at) * 1000)::float8 as "receivedMs", m.bytes,
          case when m.place <= :messages_per_lane and (m.place = 1
                 or sum(m.bytes) over (order by coalesce(m.place, 1), l.rank) <= :max_bytes)
               then m.payload::text end as payload
     from (
       select due.*, row_number() over (order by due.place, due.due_at) as rank
         from (
           select l.*, row_number() over (partition by l.tenant_id order by l.due_at) as place,
                  (count(*) over (partition by l.tenant_id))::int as seen
             from :parts p
            cross join lateral (
              select shard, tenant_id, dialog_id, version, due_at
                from lanes
               where shard = p.shard and due_at >= ${sinceMark('p.from_ms')} and due_at <= now()
                 and dialog_id <> all(:not_dialogs) and ${IN_PART}
               order by due_at limit p.most
            ) l
         ) due
         left join :rooms r using (tenant_id)
        where due.place <= coalesce(r.room, :lanes_per_tenant)
        order by due.place, due.due_at limit :lanes
     ) l
     left join lateral (
       select row_number() over (order by seq) as place, n.*
         from (
           select id, trace_id, trace_parent, seq, attempts, attempts_before, last_error, received_at, payload,
                  coalesce(payload_bytes, ${UNKNOWN_BYTES}) as bytes
             from messages
            where tenant_id = l.tenant_id and dialog_id = l.dialog_id and status = 'pending'
            order by seq limit :messages_per_lane + 1
         ) n
     ) m on true
    order by coalesce(m.place, 1), l.rank`,
);

function lanesOf(rows: readonly Row[]): DueLane[] {
  const lanes = new Map<string, DueLane>();
  for (const row of rows) {
    const { shard, seen: _, tenantId, dialogId, version, ...message } = row;
    let lane = lanes.get(dialogId);
    if (lane === undefined) {
      lane = { shard, tenantId, dialogId, version, messages: [], hasMore: false, bytes: 0 };
      lanes.set(dialogId, lane);
    }
    if (message.messageId === null) continue;
    const { receivedMs, bytes, payload, ...known } = message;
    if (payload === null) {
      lane.hasMore = true;
      continue;
    }
    lane.bytes += bytes;
    const receivedAt = new Date(receivedMs);
    lane.messages.push({ ...known, tenantId, dialogId, receivedAt, payload });
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
  const rows = await findDue(db, {
    parts: asked,
    apart: [...new Set([...apart, ...full])],
    not_dialogs: notDialogs,
    rooms,
    lanes_per_tenant: lanesPerTenant,
    lanes,
    max_bytes: wanted.bytes ?? Number.POSITIVE_INFINITY,
    messages_per_lane: messagesPerLane,
  });
  // Its lanes can fill the scan of a shard and hide those of others. From the next take on they do not.
  for (const { tenantId, seen } of rows) if (seen >= LEAST_SEEN) marks.setApart(tenantId);
  return lanesOf(rows);
}
