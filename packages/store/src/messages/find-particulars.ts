import { type Channel, channelOfId } from '@contour/contract';
import { type Queryable, statement } from '../statement.ts';

/** What an operator wants to know of a message besides its story. */
export interface Particulars {
  tenantName: string;
  tenantIsActive: boolean;
  channel: Channel;
  channelAccountId: number;
  externalChatId: string;
  /** The sender's own time, as it came. */
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

const findOne = statement<ParticularsRow>(
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
  const [row] = await findOne(db, message.tenantId, message.messageId);
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
