import type { Channel, DlqEntry, IncomingMessage, TenantId } from '@contour/contract';
import type { Queryable } from '../database/database.ts';
import { namedStatement, statement } from '../database/statement.ts';
import { ACCOUNT_OF } from '../resolve/first-look.ts';
import { READ, READ_ROWS, type ReadEntry } from './leave.ts';
import { type ParkedEntry, parkedEntry, readPage } from './parked-row.ts';

const PAGE_ENTRIES = 200;

/** The active accounts for which entries wait. */
export const findReleasable = statement<ActiveAccount>(
  'find_releasable_accounts',
  `select q.channel, q.fingerprint, a.tenant_id as "tenantId"
     from (select w.channel, w.fingerprint, c.id as channel_id
             from (select distinct channel, fingerprint from parked where waits) w
             join channels c on c.code = w.channel) q
    cross join lateral (${ACCOUNT_OF}) a
     join tenants t on t.id = a.tenant_id
    where a.is_active and t.is_active and not a.is_expired`,
);

/** An account whose messages would be resolved now. */
export interface ActiveAccount {
  channel: Channel;
  fingerprint: string;
  tenantId: TenantId;
}

export interface WaitingEntry extends ParkedEntry {
  entry: DlqEntry & { message: IncomingMessage };
}

/** A place in an account's order of receipt. */
export interface WaitingPlace {
  receivedAt: string;
  seq: string;
}

const BEGINNING: WaitingPlace = { receivedAt: '-infinity', seq: '0' };

const hasMessage = (one: ParkedEntry): one is WaitingEntry => one.entry.message !== null;

/** The entries that wait for an account, in the order of receipt. `next` is null at the end. */
export async function readWaiting(
  db: Queryable,
  { channel, fingerprint }: Pick<ActiveAccount, 'channel' | 'fingerprint'>,
  after: WaitingPlace | null,
): Promise<{ entries: WaitingEntry[]; next: WaitingPlace | null }> {
  const { receivedAt, seq } = after ?? BEGINNING;
  const page = {
    condition:
      'p.waits and p.channel = $1 and p.fingerprint = $2 and (p.received_at, p.seq) > ($3, $4)',
    order: 'received_at, seq',
    limit: PAGE_ENTRIES,
  };
  const rows = await readPage(db, page, [channel, fingerprint, receivedAt, seq]);
  const last = rows.at(-1);
  return {
    entries: rows.map(parkedEntry).filter(hasMessage),
    next: last === undefined ? null : { receivedAt: last.receivedText, seq: last.seq },
  };
}

const selectCount = statement<{ n: number }>(
  'count_waiting_parked',
  `select count(*)::int as n from parked p
    where p.waits and p.channel = $1 and p.fingerprint = $2`,
);

/** How many entries wait for an account. */
export async function countWaiting(
  db: Queryable,
  { channel, fingerprint }: Pick<ActiveAccount, 'channel' | 'fingerprint'>,
): Promise<number> {
  return (await selectCount(db, channel, fingerprint))[0]?.n ?? 0;
}

const stop = namedStatement('stop_waiting_parked')(
  { entries: READ },
  `update parked p set waits = false from (${READ_ROWS}) d where p.id = d.id`,
);

/** Notes that these entries no longer wait for their account. Only a replay resolves them. */
export async function stopWaiting(db: Queryable, entries: readonly ReadEntry[]): Promise<void> {
  if (entries.length > 0) await stop(db, { entries });
}
