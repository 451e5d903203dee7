import { CHANNELS, type IncomingMessage, type Receipt } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';

interface AnswerRow {
  id: string;
  tenant_id: string;
  client_id: string;
  dialog_id: string;
  trace_id: string;
  content_hash: string;
  received_at: Date;
}

const findOne = statement<AnswerRow>(
  'find_answer',
  `select m.id, m.tenant_id, m.client_id, m.dialog_id, m.trace_id, m.content_hash, m.received_at
     from (select tenant_id from channel_accounts
            where channel_id = $1 and (fingerprint = $2 or previous_fingerprint = $2)
            order by fingerprint = $2 desc limit 1) a
     join messages m on m.tenant_id = a.tenant_id and m.id = $3`,
);

export interface Answer {
  receipt: Receipt;
  contentHash: string;
  receivedAt: string;
}

/** What the ledger has for this message: the look of an API process whose answer did not come. */
export async function findAnswer(
  db: Queryable,
  message: Pick<IncomingMessage, 'channel' | 'fingerprint' | 'messageId'>,
): Promise<Answer | null> {
  const { channel, fingerprint, messageId } = message;
  const [row] = await findOne(db, CHANNELS[channel].id, fingerprint, messageId);
  if (row === undefined) return null;
  return {
    contentHash: row.content_hash,
    receivedAt: row.received_at.toISOString(),
    receipt: {
      tenantId: row.tenant_id,
      clientId: row.client_id,
      dialogId: row.dialog_id,
      traceId: row.trace_id,
      messageId: row.id,
    },
  };
}
