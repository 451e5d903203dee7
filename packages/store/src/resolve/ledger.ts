import { CHANNELS, type IncomingMessage, type Outcome, type Receipt } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { statement } from '../database/statement.ts';

type LedgerRow = Receipt & { contentHash: string };

// In the order of the receipt, so that a duplicate gets the same bytes.
const COLUMNS = `m.tenant_id as "tenantId", m.client_id as "clientId", m.dialog_id as "dialogId",
  m.trace_id as "traceId", m.id as "messageId", m.content_hash as "contentHash"`;

const findMessages = statement<LedgerRow>(
  'find_in_ledger',
  `select ${COLUMNS}
     from unnest($1::uuid[], $2::uuid[]) as q(tenant_id, id)
     join messages m using (tenant_id, id)`,
);

const findOne = statement<LedgerRow & { receivedAt: Date }>(
  'find_answer',
  `select ${COLUMNS}, m.received_at as "receivedAt"
     from (select tenant_id from channel_accounts
            where channel_id = $1 and (fingerprint = $2 or previous_fingerprint = $2)
            order by fingerprint = $2 desc limit 1) a
     join messages m on m.tenant_id = a.tenant_id and m.id = $3`,
);

export interface LedgerEntry {
  receipt: Receipt;
  contentHash: string;
}

const entryOf = ({ contentHash, ...receipt }: LedgerRow): LedgerEntry => ({ contentHash, receipt });

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
  return new Map(rows.map((row) => [row.messageId, entryOf(row)]));
}

/** The same content gets the first answer again. Other content under the same ids is refused. */
export function outcomeOfDuplicate(entry: LedgerEntry, contentHash: string): Outcome {
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
  if (row === undefined) return null;
  const { receivedAt, ...ledgerRow } = row;
  return { ...entryOf(ledgerRow), receivedAt: receivedAt.toISOString() };
}
