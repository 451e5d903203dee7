import { AppError, type IncomingMessage } from '@contour/contract';
import type { Logger } from '@contour/runtime';
import {
  type ActiveAccount,
  type Ending,
  findReleasable,
  type Pool,
  readWaiting,
  removeParked,
  stopWaiting,
  takeParkedTurn,
  type WaitingEntry,
  type WaitingPlace,
} from '@contour/store';
import type { Dlq } from '../dlq/create-dlq.ts';
import { type ConcludeDeps, concludeRelease } from './conclude-release.ts';
import { createReleaseTries } from './release-tries.ts';

/** So long an account has to be there: who replays by hand right after adding it gets his own count. */
const SETTLED_MS = 1_500;
/** A worker renews its turn before every page, so another one soon takes over from a dead worker. */
const LEAD_MS = 5_000;

interface ReleaseDeps {
  pool: Pool;
  dlq: Pick<Dlq, 'park'>;
  /** A message whose account is not that tenant's by now comes back as unknown. */
  resolveAll: (messages: readonly IncomingMessage[], onlyFor: string) => Promise<Ending[]>;
  /** This worker's name. */
  id: string;
  stopping: AbortSignal;
  logger: Logger;
  onReleased: (count: number) => void;
}

interface Release {
  account: ActiveAccount;
  after: WaitingPlace | null;
  count: number;
  /** Chats with an entry that stays for now. Later ones may not overtake it. */
  heldChats: Set<string>;
}

const keyOf = ({ channel, fingerprint }: ActiveAccount) => `${channel} ${fingerprint}`;

const read = ({ entry: { id }, version }: WaitingEntry) => ({ id, version });

/** Leaves out entries that rest after a failure, and later ones of the same chat. */
function notHeld(
  { tries }: ConcludeDeps,
  { heldChats }: Release,
  entries: readonly WaitingEntry[],
): WaitingEntry[] {
  return entries.filter(({ entry: { id, message } }) => {
    if (tries.isResting(id)) heldChats.add(message.externalChatId);
    return !heldChats.has(message.externalChatId);
  });
}

/**
 * Resolves the next entries in the order in which they were received, here and in one call: as jobs they
 * would overtake one another. They are removed once that is committed, so being killed midway repeats
 * and never loses; two workers at once do no harm either, for the ledger makes repeats of the second's.
 * They go in for the tenant that has the account as this release began: if it is another's by now, it ends.
 */
async function releasePage(
  deps: ReleaseDeps & ConcludeDeps,
  release: Release,
): Promise<'more' | 'end'> {
  const { pool } = deps;
  const { account } = release;
  const { entries, next } = await readWaiting(pool, account, release.after);
  // Whoever has the credential by now is not whom a switched-off tenant's messages were for.
  const isOthers = ({ entry }: WaitingEntry) =>
    entry.tenantId !== null && entry.tenantId !== account.tenantId;
  await stopWaiting(pool, entries.filter(isOthers).map(read));

  const own = notHeld(
    deps,
    release,
    entries.filter((item) => !isOthers(item)),
  );
  const messages = own.map(({ entry }) => entry.message);
  const endings = own.length === 0 ? [] : await deps.resolveAll(messages, account.tenantId);
  const done: WaitingEntry[] = [];
  let mustStop = false;
  for (const [i, ending] of endings.entries()) {
    const item = own[i];
    if (item === undefined) continue;
    const end = await concludeRelease(deps, account, item, ending);
    if (ending instanceof AppError) release.heldChats.add(item.entry.message.externalChatId);
    if (end === 'released') done.push(item);
    mustStop ||= end === 'stop';
  }
  if (done.length > 0) release.count += await removeParked(pool, done.map(read));
  release.after = next;
  return next === null || mustStop ? 'end' : 'more';
}

/** A duty: lets in what was parked for want of an account, once that is there and switched on. */
export function createRelease(deps: ReleaseDeps): () => Promise<void> {
  const { pool, id, stopping, logger, onReleased } = deps;
  /** When each account was first seen to be active while something waited for it. */
  let activeSince = new Map<string, number>();
  const withTries = { ...deps, tries: createReleaseTries() };

  const leads = () => takeParkedTurn(pool, { duty: 'release', holder: id, ms: LEAD_MS });

  function settled(accounts: readonly ActiveAccount[]): ActiveAccount[] {
    const now = performance.now();
    const since = accounts.map((a) => [keyOf(a), activeSince.get(keyOf(a)) ?? now] as const);
    activeSince = new Map(since);
    return accounts.filter((a) => now - (activeSince.get(keyOf(a)) ?? now) >= SETTLED_MS);
  }

  const report = ({ account, count }: Release) => {
    if (count === 0) return;
    const { channel, fingerprint, tenantId } = account;
    logger.info({ count, channel, fingerprint, tenant_id: tenantId }, 'dlq.released');
    onReleased(count);
  };

  /** A page of each account in turn: one with much to release does not keep the others waiting. */
  async function releaseAll(accounts: readonly ActiveAccount[]): Promise<void> {
    let left: Release[] = accounts.map((account) => ({
      account,
      after: null,
      count: 0,
      heldChats: new Set(),
    }));
    const all = left;
    try {
      while (left.length > 0) {
        const more: Release[] = [];
        for (const release of left) {
          if (stopping.aborted || !(await leads())) return;
          if ((await releasePage(withTries, release)) === 'more') more.push(release);
        }
        left = more;
      }
    } finally {
      all.forEach(report);
    }
  }

  return async () => {
    if (!(await leads())) return;
    const ready = settled(await findReleasable(pool));
    if (ready.length > 0) await releaseAll(ready);
  };
}
