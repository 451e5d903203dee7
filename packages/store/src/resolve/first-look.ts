import {
  accountOf,
  CHANNELS,
  type IncomingMessage,
  type Outcome,
  type Receipt,
  type TenantId,
} from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { isoTime, statement } from '../database/statement.ts';

/** A checked message and the phone to match by. */
export interface Arrival {
  message: IncomingMessage;
  /** E.164, or null if the number that was sent cannot identify a client. */
  phone: string | null;
}

interface Account {
  id: number;
  tenantId: TenantId;
  domainId: number;
  isActive: boolean;
  /** It was found by the credential before its last rotation, and the time for that is over. */
  isExpired: boolean;
}

/** SQL for the account of `q` (channel_id, fingerprint). Two lookups in two indexes; the current holder precedes a former one. */
export const ACCOUNT_OF = `
          select id, tenant_id, is_active, false as is_previous, false as is_expired
            from channel_accounts
           where channel_id = q.channel_id and fingerprint = q.fingerprint
           union all
          select id, tenant_id, is_active, true, previous_until <= now()
            from channel_accounts
           where channel_id = q.channel_id and previous_fingerprint = q.fingerprint
           order by is_previous limit 1`;

const findAccounts = statement<Account & { place: number }>(
  'find_accounts',
  `select q.place::int, a.id, a.tenant_id as "tenantId", t.domain_id as "domainId",
          a.is_active and t.is_active as "isActive", a.is_expired as "isExpired"
     from unnest($1::smallint[], $2::text[]) with ordinality as q(channel_id, fingerprint, place)
    cross join lateral (${ACCOUNT_OF}) a
     join tenants t on t.id = a.tenant_id`,
);

/** The items of each account, in their order. */
export function byAccount<Item>(
  items: readonly Item[],
  messageOf: (item: Item) => Parameters<typeof accountOf>[0],
): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const account = accountOf(messageOf(item));
    const group = groups.get(account);
    if (group === undefined) groups.set(account, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

/** The account of each message. A message with an unknown credential is not in the map. */
export async function findTenants<Message extends Pick<IncomingMessage, 'channel' | 'fingerprint'>>(
  db: Queryable,
  messages: readonly Message[],
): Promise<Map<Message, Account>> {
  const asked = byAccount(messages, (message) => message);
  const rows = await findAccounts(
    db,
    asked.map(([first]) => first && CHANNELS[first.channel].id),
    asked.map(([first]) => first?.fingerprint),
  );
  const found = new Map<Message, Account>();
  for (const { place, ...account } of rows) {
    for (const message of asked[place - 1] ?? []) found.set(message, account);
  }
  return found;
}

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

const findOne = statement<LedgerRow & { receivedAt: string }>(
  'find_answer',
  `select ${COLUMNS}, ${isoTime('m.received_at')} as "receivedAt"
     from (select tenant_id from channel_accounts
            where channel_id = $1 and (fingerprint = $2 or previous_fingerprint = $2)
            order by fingerprint = $2 desc limit 1) a
     join messages m on m.tenant_id = a.tenant_id and m.id = $3`,
);

interface LedgerEntry {
  receipt: Receipt;
  contentHash: string;
}

const entryOf = ({ contentHash, ...receipt }: LedgerRow): LedgerEntry => ({ contentHash, receipt });

/** Those of the messages that were accepted before, by message id. */
async function findInLedger(
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
  return { ...entryOf(ledgerRow), receivedAt };
}

/** A message that is not in the ledger yet, and its account. */
export interface Fresh extends Arrival {
  account: Account;
}

/**
 * Finds the tenant of each message and answers duplicates. It needs no transaction. A duplicate is answered even if its
 * tenant was switched off or its credential was replaced since: it was accepted, and it will be delivered.
 */
export async function firstLook(
  db: Queryable,
  arrivals: readonly Arrival[],
  onlyFor?: string,
): Promise<{ outcomes: Map<Arrival, Outcome>; fresh: Map<Arrival, Fresh> }> {
  const tenants = await findTenants(
    db,
    arrivals.map((arrival) => arrival.message),
  );
  const ledger = await findInLedger(
    db,
    [...tenants].map(([{ messageId }, { tenantId }]) => ({ tenantId, messageId })),
  );
  const outcomes = new Map<Arrival, Outcome>();
  const fresh = new Map<Arrival, Fresh>();
  for (const arrival of arrivals) {
    const { message } = arrival;
    const account = tenants.get(message);
    const entry = ledger.get(message.messageId);
    if (account === undefined || account.tenantId !== (onlyFor ?? account.tenantId)) {
      outcomes.set(arrival, { kind: 'unknown_tenant' });
      continue;
    }
    const { tenantId, isExpired, isActive } = account;
    if (entry) outcomes.set(arrival, outcomeOfDuplicate(entry, message.contentHash));
    else if (isExpired) outcomes.set(arrival, { kind: 'unknown_tenant', tenantId });
    else if (isActive) fresh.set(arrival, { ...arrival, account });
    else outcomes.set(arrival, { kind: 'tenant_disabled', tenantId });
  }
  return { outcomes, fresh };
}
