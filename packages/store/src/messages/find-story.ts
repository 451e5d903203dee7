import type { MatchedBy } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';

/** A message's way so far, without its text. */
export interface Story {
  messageId: string;
  traceId: string;
  state: 'pending' | 'delivered' | 'dead';
  tenantId: string;
  clientId: string;
  dialogId: string;
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
  id: string;
  trace_id: string;
  status: Story['state'];
  tenant_id: string;
  client_id: string;
  dialog_id: string;
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
