import {
  type Channel,
  type ClientId,
  channelOfId,
  type DialogId,
  isUuid,
  type MatchedBy,
  type MessageId,
  type TenantId,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { statement } from '../database/statement.ts';

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

interface StoryRow {
  id: MessageId;
  trace_id: string;
  status: Story['state'];
  tenant_id: TenantId;
  client_id: ClientId;
  dialog_id: DialogId;
  seq: number;
  matched_by: MatchedBy;
  is_new_client: boolean;
  is_new_dialog: boolean;
  attempts: number;
  last_error: string | null;
  received_at: Date;
  resolved_at: Date;
  delivered_at: Date | null;
  attempt_log: Story['failedAttempts'] | null;
}

const COLUMNS = `m.id, m.trace_id, m.status, m.tenant_id, m.client_id, m.dialog_id, m.seq, m.matched_by,
  m.is_new_client, m.is_new_dialog, m.attempts, m.last_error, m.received_at, m.resolved_at,
  m.delivered_at, m.attempt_log`;

// The caller knows no tenant. The key of the table begins with the id, so one probe finds the message.
const findById = statement<StoryRow>(
  'find_story',
  `select ${COLUMNS} from messages m where m.id = $1 limit 1`,
);

const findByTrace = statement<StoryRow>(
  'find_stories_by_trace',
  `select ${COLUMNS} from messages m where m.trace_id = $1 order by m.resolved_at, m.seq limit 1000`,
);

function toStory(row: StoryRow): Story {
  return {
    messageId: row.id,
    traceId: row.trace_id,
    state: row.status,
    tenantId: row.tenant_id,
    clientId: row.client_id,
    dialogId: row.dialog_id,
    seq: row.seq,
    matchedBy: row.matched_by,
    isNewClient: row.is_new_client,
    isNewDialog: row.is_new_dialog,
    attempts: row.attempts,
    lastError: row.last_error,
    receivedAt: row.received_at.toISOString(),
    resolvedAt: row.resolved_at.toISOString(),
    deliveredAt: row.delivered_at?.toISOString() ?? null,
    failedAttempts: (row.attempt_log ?? []).map((attempt) => ({
      ...attempt,
      at: new Date(attempt.at).toISOString(),
    })),
  };
}

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
  /** The time that the sender gave, unchanged. */
  timestamp: string;
  text: string | null;
  /** How many of the attempts came before the last replay. */
  attemptsBefore: number;
}

interface ParticularsRow {
  name: string;
  is_active: boolean;
  channel_id: number;
  channel_account_id: number;
  external_chat_id: string;
  sent_at: string;
  text: string | null;
  attempts_before: number;
}

const findDetails = statement<ParticularsRow>(
  'find_particulars',
  `select t.name, t.is_active, a.channel_id, m.channel_account_id,
          m.payload ->> 'external_chat_id' as external_chat_id, m.payload ->> 'timestamp' as sent_at,
          m.payload ->> 'text' as text, m.attempts_before
     from messages m
     join tenants t on t.id = m.tenant_id
     join channel_accounts a on a.tenant_id = m.tenant_id and a.id = m.channel_account_id
    where m.tenant_id = $1 and m.id = $2`,
);

export async function findParticulars(
  db: Queryable,
  message: { tenantId: string; messageId: string },
): Promise<Particulars | null> {
  const [row] = await findDetails(db, message.tenantId, message.messageId);
  if (row === undefined) return null;
  return {
    tenantName: row.name,
    tenantIsActive: row.is_active,
    channel: channelOfId(row.channel_id),
    channelAccountId: row.channel_account_id,
    externalChatId: row.external_chat_id,
    timestamp: row.sent_at,
    text: row.text,
    attemptsBefore: row.attempts_before,
  };
}

const MAX_COUNTED = 1000;

interface WaitingRow {
  due_at: Date;
  is_due: boolean;
  ahead: number;
  head_id: MessageId;
  head_seq: number;
  head_error: string | null;
}

const findHead = statement<WaitingRow>(
  'find_waiting',
  `select l.due_at, l.due_at <= now() as is_due, h.id as head_id, h.seq as head_seq,
          h.last_error as head_error,
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
  return {
    dueAt: row.due_at.toISOString(),
    isDue: row.is_due,
    ahead: row.ahead,
    head: { messageId: row.head_id, seq: row.head_seq, lastError: row.head_error },
  };
}

interface MessageKey {
  tenantId: string;
  messageId: string;
}

const findAmong = statement<{ tenant_id: string; id: string }>(
  'dead_among',
  `select m.tenant_id, m.id from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)
     join messages m using (tenant_id, id) where m.status = 'dead'`,
);

/** The messages among these that are dead. */
export async function deadAmong<Key extends MessageKey>(
  db: Queryable,
  keys: readonly Key[],
): Promise<Key[]> {
  const asked = keys.filter(({ tenantId, messageId }) => isUuid(tenantId) && isUuid(messageId));
  const rows = await findAmong(
    db,
    asked.map(({ tenantId }) => tenantId),
    asked.map(({ messageId }) => messageId),
  );
  const found = new Set(rows.map((row) => `${row.tenant_id} ${row.id}`));
  return keys.filter(({ tenantId, messageId }) => found.has(`${tenantId} ${messageId}`));
}
