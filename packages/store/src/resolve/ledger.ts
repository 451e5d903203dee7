import {
  CHANNELS,
  type ClientId,
  type DialogId,
  type IncomingMessage,
  type MessageId,
  type Outcome,
  type Receipt,
  type TenantId,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { statement } from '../database/statement.ts';

interface LedgerRow {
  id: MessageId;
  tenant_id: TenantId;
  client_id: ClientId;
  dialog_id: DialogId;
  trace_id: string;
  content_hash: string;
}

const COLUMNS = 'm.id, m.tenant_id, m.client_id, m.dialog_id, m.trace_id, m.content_hash';

const findMessages = statement<LedgerRow>(
  'find_in_ledger',
  `select ${COLUMNS}
     from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)
     join messages m using (tenant_id, id)`,
);

const findOne = statement<LedgerRow & { received_at: Date }>(
  'find_answer',
  `select ${COLUMNS}, m.received_at
     from (select tenant_id from channel_accounts
            where channel_id = $1 and (fingerprint = $2 or previous_fingerprint = $2)
            order by fingerprint = $2 desc limit 1) a
     join messages m on m.tenant_id = a.tenant_id and m.id = $3`,
);

export interface LedgerEntry {
  receipt: Receipt;
  contentHash: string;
}

const entryOf = (row: LedgerRow): LedgerEntry => ({
  contentHash: row.content_hash,
  receipt: {
    tenantId: row.tenant_id,
    clientId: row.client_id,
    dialogId: row.dialog_id,
    traceId: row.trace_id,
    messageId: row.id,
  },
});

/** Those of the messages that were accepted before, by message id. */
export async function findInLedger(
  db: Queryable,
  wanted: ReadonlyArray<{ tenantId: string; messageId: string }>,
): Promise<Map<string, LedgerEntry>> {
  if (wanted.length === 0) return new Map();
  const rows = await findMessages(
    db,
    wanted.map(({ tenantId }) => tenantId),
    wanted.map(({ messageId }) => messageId),
  );
  return new Map(rows.map((row) => [row.id, entryOf(row)]));
}

/** The same content gets the first answer again. Other content under the same ids is refused. */
export function outcomeOfRepeat(entry: LedgerEntry, contentHash: string): Outcome {
  if (entry.contentHash === contentHash) return { kind: 'replayed', receipt: entry.receipt };
  return { kind: 'conflict', tenantId: entry.receipt.tenantId };
}

export interface Answer extends LedgerEntry {
  receivedAt: string;
}

/** The receipt of a message, for an API process that has not received the answer of a worker. */
export async function findAnswer(
  db: Queryable,
  message: Pick<IncomingMessage, 'channel' | 'fingerprint' | 'messageId'>,
): Promise<Answer | null> {
  const { channel, fingerprint, messageId } = message;
  const [row] = await findOne(db, CHANNELS[channel].id, fingerprint, messageId);
  return row === undefined ? null : { ...entryOf(row), receivedAt: row.received_at.toISOString() };
}
