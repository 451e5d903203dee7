import { type DlqEntry, messageOfPayload } from '@contour/contract';
import { columns, type Queryable, statement } from '../statement.ts';

interface DeadRow {
  tenant_id: string;
  id: string;
  client_id: string;
  dialog_id: string;
  payload: string;
  content_hash: string;
  fingerprint: string;
  attempts: number;
  last_error: string | null;
  received_at: Date;
  trace_parent: string | null;
}

const COLUMNS = `m.tenant_id, m.id, m.client_id, m.dialog_id, m.payload::text as payload,
  m.content_hash, a.fingerprint, m.attempts, m.last_error, m.received_at, m.trace_parent`;

const findById = statement<DeadRow>(
  'find_for_dead_letter',
  `select ${COLUMNS} from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)
     join messages m using (tenant_id, id)
     join channel_accounts a on a.tenant_id = m.tenant_id and a.id = m.channel_account_id`,
);

const findPage = statement<DeadRow>(
  'find_dead_page',
  `select ${COLUMNS} from messages m
     join channel_accounts a on a.tenant_id = m.tenant_id and a.id = m.channel_account_id
    where m.status = 'dead' and ($4::int is null or
          (m.attempt_log -> -1 ->> 'at')::timestamptz > now() - $4::int * interval '1 s') and (m.tenant_id, m.id) > ($1::uuid, $2::uuid)
    order by m.tenant_id, m.id limit $3`,
);

/** What is known of a message that goes, or went, to the dead-letter queue. */
export interface DeadLetter {
  tenantId: string;
  clientId: string;
  dialogId: string;
  attempts: number;
  lastError: string | null;
  message: NonNullable<DlqEntry['message']>;
}

function toDeadLetter(row: DeadRow): DeadLetter {
  return {
    tenantId: row.tenant_id,
    clientId: row.client_id,
    dialogId: row.dialog_id,
    attempts: row.attempts,
    lastError: row.last_error,
    message: messageOfPayload(row.payload, {
      contentHash: row.content_hash,
      fingerprint: row.fingerprint,
      receivedAt: row.received_at.toISOString(),
      traceParent: row.trace_parent ?? undefined,
    }),
  };
}

export async function findForDeadLetter(
  db: Queryable,
  messages: ReadonlyArray<{ tenantId: string; messageId: string }>,
): Promise<DeadLetter[]> {
  const asked = columns(
    messages,
    (m) => m.tenantId,
    (m) => m.messageId,
  );
  return (await findById(db, ...asked)).map(toDeadLetter);
}

const NIL = '00000000-0000-0000-0000-000000000000';

/** Dead messages, page by page, for a dead-letter queue that has lost entries: all, or the latest. */
export async function* findDead(
  db: Queryable,
  {
    withinSeconds = null,
    pageSize = 200,
  }: { withinSeconds?: number | null; pageSize?: number } = {},
): AsyncGenerator<DeadLetter[]> {
  let after = [NIL, NIL];
  for (;;) {
    const rows = await findPage(db, ...after, pageSize, withinSeconds);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(toDeadLetter);
    after = [last.tenant_id, last.id];
  }
}
