import type { Queryable } from '../database/database.ts';
import { statement } from '../database/statement.ts';
import { goneAndNoted } from '../dead-letters/leave.ts';
import { laneShard } from '../resolve/store-messages.ts';

export interface Revival {
  /** The shard to wake; null if the message was not dead. */
  shard: number | null;
  attempts: number;
  /** Whether there is such a message. */
  isKnown: boolean;
  /** The statement has removed the message's dead-letter entry. */
  hasLeft: boolean;
}

const ITS_ENTRY = `select k.id from parked k
  join revived r on k.id = r.id and k.tenant_id = r.tenant_id and k.stage = 'deliver'`;

// The same statement removes the message's entry.
const revive = statement<Revival>(
  'revive_message',
  `with revived as (
     update messages set status = 'pending', attempts_before = attempts
      where tenant_id = $1 and id = $2 and status = 'dead'
     returning tenant_id, id, dialog_id
   ), ${goneAndNoted(ITS_ENTRY, 'let_in')},
   lane as (
     insert into lanes (tenant_id, dialog_id, last_seq, shard)
     select d.tenant_id, d.id, d.last_seq, ${laneShard('d.id', '$3::int')}
       from revived r join dialogs d on d.tenant_id = r.tenant_id and d.id = r.dialog_id
     on conflict (tenant_id, dialog_id)
       do update set version = nextval('lane_versions'), due_at = now()
     returning shard
   )
   select (select shard from lane) as shard, m.attempts, true as "isKnown", exists (select from gone) as "hasLeft"
     from messages m where m.tenant_id = $1 and m.id = $2`,
);

/** Makes a dead message due again and removes its dead-letter entry. Leaves any other message as it is. */
export async function reviveMessage(
  db: Queryable,
  message: { tenantId: string; messageId: string },
  shardCount: number,
): Promise<Revival> {
  const [row] = await revive(db, message.tenantId, message.messageId, shardCount);
  return row ?? { shard: null, attempts: 0, isKnown: false, hasLeft: false };
}
