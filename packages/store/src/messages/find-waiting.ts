import { type Queryable, statement } from '../statement.ts';

const MAX_COUNTED = 1000;

interface WaitingRow {
  due_at: Date;
  is_due: boolean;
  ahead: number;
  head_id: string;
  head_seq: number;
  head_error: string | null;
}

const findOne = statement<WaitingRow>(
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

/** What a pending message waits for: its dialog's line, and the message at the head of it. */
export interface Waiting {
  /** When the head of the line is tried next. */
  dueAt: string;
  isDue: boolean;
  /** How many messages of the dialog go first; 1000 stands for that many or more. */
  ahead: number;
  head: { messageId: string; seq: number; lastError: string | null };
}

/** Null where the dialog has nothing in line: then the message has just been delivered or given up. */
export async function findWaiting(
  db: Queryable,
  message: { tenantId: string; dialogId: string; seq: number },
): Promise<Waiting | null> {
  const { tenantId, dialogId, seq } = message;
  const [row] = await findOne(db, tenantId, dialogId, seq);
  if (row === undefined) return null;
  return {
    dueAt: row.due_at.toISOString(),
    isDue: row.is_due,
    ahead: row.ahead,
    head: { messageId: row.head_id, seq: row.head_seq, lastError: row.head_error },
  };
}
