import {
  type Channel,
  type ClientId,
  type DialogId,
  isUuid,
  type MatchedBy,
  type MessageId,
  type TenantId,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { epochMs, isoTime, namedStatement, type Rows, statement } from '../database/statement.ts';

/** The history of a message, without its text. */
export interface Story {
  messageId: MessageId;
  traceId: string;
  state: 'pending' | 'delivered' | 'dead';
  tenantId: TenantId;
  clientId: ClientId;
  dialogId: DialogId;
  seq: number;
  matchedBy: MatchedBy;
  isNewClient: boolean;
  isNewDialog: boolean;
  attempts: number;
  lastError: string | null;
  receivedAt: string;
  resolvedAt: string;
  deliveredAt: string | null;
  failedAttempts: Array<{ at: string; code: string; ms: number }>;
}

const COLUMNS = `m.id as "messageId", m.trace_id as "traceId", m.status as state, m.tenant_id as "tenantId",
  m.client_id as "clientId", m.dialog_id as "dialogId", m.seq, m.matched_by as "matchedBy",
  m.is_new_client as "isNewClient", m.is_new_dialog as "isNewDialog", m.attempts, m.last_error as "lastError",
  ${isoTime('m.received_at')} as "receivedAt", ${isoTime('m.resolved_at')} as "resolvedAt",
  ${isoTime('m.delivered_at')} as "deliveredAt",
  coalesce(m.attempt_log, '[]') as "failedAttempts"`;

// The caller knows no tenant. The key of the table begins with the id, so one probe finds the message.
const findById = statement<Story>(
  'find_story',
  `select ${COLUMNS} from messages m where m.id = $1 limit 1`,
);

const findByTrace = statement<Story>(
  'find_stories_by_trace',
  `select ${COLUMNS} from messages m where m.trace_id = $1 order by m.resolved_at, m.seq limit 1000`,
);

// The times of the attempts are as Postgres wrote them into the log.
const toStory = (row: Story): Story => ({
  ...row,
  failedAttempts: row.failedAttempts.map((attempt) => ({
    ...attempt,
    at: new Date(attempt.at).toISOString(),
  })),
});

export async function findStory(db: Queryable, messageId: string): Promise<Story | null> {
  const [row] = await findById(db, messageId);
  return row === undefined ? null : toStory(row);
}

export async function findStoriesByTrace(db: Queryable, traceId: string): Promise<Story[]> {
  return (await findByTrace(db, traceId)).map(toStory);
}

/** What an operator needs to know about a message besides its story. */
export interface Particulars {
  tenantName: string;
  tenantIsActive: boolean;
  channel: Channel;
  channelAccountId: number;
  externalChatId: string;
  /** When the message was written, in milliseconds since 1970. Null for a message of an earlier version. */
  writtenAtMs: number | null;
  text: string | null;
  /** How many of the attempts came before the last replay. */
  attemptsBefore: number;
}

const findDetails = statement<Particulars>(
  'find_particulars',
  `select t.name as "tenantName", t.is_active as "tenantIsActive", c.code as channel,
          m.channel_account_id as "channelAccountId", m.payload ->> 'external_chat_id' as "externalChatId",
          ${epochMs('m.written_at')} as "writtenAtMs", m.payload ->> 'text' as text,
          m.attempts_before as "attemptsBefore"
     from messages m
     join tenants t on t.id = m.tenant_id
     join channel_accounts a on a.tenant_id = m.tenant_id and a.id = m.channel_account_id
     join channels c on c.id = a.channel_id
    where m.tenant_id = $1 and m.id = $2`,
);

export async function findParticulars(
  db: Queryable,
  message: { tenantId: string; messageId: string },
): Promise<Particulars | null> {
  return (await findDetails(db, message.tenantId, message.messageId))[0] ?? null;
}

const MAX_COUNTED = 1000;

const findHead = statement<Waiting['head'] & Omit<Waiting, 'head'>>(
  'find_waiting',
  `select ${isoTime('l.due_at')} as "dueAt", l.due_at <= now() as "isDue", h.id as "messageId", h.seq,
          h.last_error as "lastError",
          (select count(*)::int from
             (select from messages where tenant_id = l.tenant_id and dialog_id = l.dialog_id
                 and status = 'pending' and seq < $3 limit ${MAX_COUNTED}) a) as ahead
     from lanes l
    cross join lateral (
      select id, seq, last_error from messages
       where tenant_id = l.tenant_id and dialog_id = l.dialog_id and status = 'pending'
       order by seq limit 1
    ) h
    where l.tenant_id = $1 and l.dialog_id = $2`,
);

/** Why a pending message waits: the time of its lane, and the message at its head. */
export interface Waiting {
  /** When the head of the lane is tried next. */
  dueAt: string;
  isDue: boolean;
  /** How many messages of the dialog are ahead; 1000 means that many or more. */
  ahead: number;
  head: { messageId: MessageId; seq: number; lastError: string | null };
}

/** Null if the dialog has no lane: then the message has just been delivered or has died. */
export async function findWaiting(
  db: Queryable,
  message: { tenantId: string; dialogId: string; seq: number },
): Promise<Waiting | null> {
  const { tenantId, dialogId, seq } = message;
  const [row] = await findHead(db, tenantId, dialogId, seq);
  if (row === undefined) return null;
  const { dueAt, isDue, ahead, ...head } = row;
  return { dueAt, isDue, ahead, head };
}

interface MessageKey {
  tenantId: string;
  messageId: string;
}

const KEYS: Rows<MessageKey> = {
  tenant_id: ['uuid', ({ tenantId }) => tenantId],
  id: ['uuid', ({ messageId }) => messageId],
};

const findAmong = namedStatement<{ place: number }>('dead_among')(
  { keys: KEYS },
  `select q.place::int as place from :keys q join messages m using (tenant_id, id)
    where m.status = 'dead' order by q.place`,
);

/** The messages among these that are dead. */
export async function deadAmong<Key extends MessageKey>(
  db: Queryable,
  keys: readonly Key[],
): Promise<Key[]> {
  const asked = keys.filter(({ tenantId, messageId }) => isUuid(tenantId) && isUuid(messageId));
  const rows = await findAmong(db, { keys: asked });
  return rows.flatMap(({ place }) => asked[place - 1] ?? []);
}
