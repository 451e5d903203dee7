import type { IncomingMessage } from '@contour/contract';
import type { Dlq, WaitingAccount, WaitingEntry } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import type { ActiveAccount, Ending } from '@contour/store';
import { type ConcludeDeps, concludeRelease } from './conclude-release.ts';
import { createReleaseTries } from './release-tries.ts';

/** So long an account has to be there: who replays by hand right after adding it gets his own count. */
const SETTLED_MS = 1_500;

/** So often what an older worker has parked, without noting what it waits for, is noted too. */
const NOTE_ALL_MS = 10 * 60 * 1000;

interface ReleaseDeps {
  dlq: Pick<Dlq, 'park' | 'waiting'>;
  /** Those of the accounts that are there and switched on, with their tenants. */
  findActive: (accounts: readonly WaitingAccount[]) => Promise<ActiveAccount[]>;
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
  after: string | null;
  count: number;
}

const keyOf = ({ channel, fingerprint }: WaitingAccount) => `${channel} ${fingerprint}`;

/**
 * Resolves the next entries in the order in which they were received, here and in one call: as jobs they
 * would overtake one another. They are removed once that is committed, so being killed midway repeats
 * and never loses; two workers at once do no harm either, for the ledger makes repeats of the second's.
 * They go in for the tenant that has the account as this release began: if it is another's by now, it ends.
 */
async function releasePage(
  deps: ReleaseDeps & ConcludeDeps,
  release: Release,
  isGone: (id: string) => boolean,
): Promise<'more' | 'end'> {
  const { waiting } = deps.dlq;
  const { account } = release;
  const { entries, gone, next } = await waiting.read(account, release.after);
  // Whoever has the credential by now is not whom a switched-off tenant's messages were for.
  const isOthers = ({ entry }: WaitingEntry) =>
    entry.tenantId !== null && entry.tenantId !== account.tenantId;
  const others = entries.filter(isOthers).map(({ entry }) => entry.id);
  await waiting.forget(account, [...gone.filter(isGone), ...others]);

  const own = entries.filter((item) => !isOthers(item) && !deps.tries.isResting(item.entry.id));
  const messages = own.map(({ entry }) => entry.message);
  const endings = own.length === 0 ? [] : await deps.resolveAll(messages, account.tenantId);
  const done: WaitingEntry[] = [];
  let mustStop = false;
  for (const [i, ending] of endings.entries()) {
    const item = own[i];
    if (item === undefined) continue;
    const end = await concludeRelease(deps, account, item, ending);
    if (end === 'released') done.push(item);
    mustStop ||= end === 'stop';
  }
  if (done.length > 0) release.count += await waiting.remove(done);
  release.after = next;
  return next === null || mustStop ? 'end' : 'more';
}

/** A duty: lets in what was parked for want of an account, once that is there and switched on. */
export function createRelease(deps: ReleaseDeps): () => Promise<void> {
  const { dlq, findActive, id, stopping, logger, onReleased } = deps;
  /** When each account was first seen to be active while something waited for it. */
  let activeSince = new Map<string, number>();
  /** Notes without an entry, as of the last look: the entry may have been on its way then. */
  let missing = new Set<string>();
  let notedAt = Number.NEGATIVE_INFINITY;
  const withTries = { ...deps, tries: createReleaseTries() };

  async function findActiveWaiting(): Promise<ActiveAccount[]> {
    const found: ActiveAccount[] = [];
    let cursor = '0';
    do {
      const { accounts, next } = await dlq.waiting.accounts(cursor);
      if (accounts.length > 0) found.push(...(await findActive(accounts)));
      cursor = next;
    } while (cursor !== '0' && !stopping.aborted);
    return [...new Map(found.map((account) => [keyOf(account), account])).values()];
  }

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
    const missingNow = new Set<string>();
    const isGone = (entryId: string) => {
      missingNow.add(entryId);
      return missing.has(entryId);
    };
    let left: Release[] = accounts.map((account) => ({ account, after: null, count: 0 }));
    const all = left;
    try {
      while (left.length > 0) {
        const more: Release[] = [];
        for (const release of left) {
          if (stopping.aborted || !(await dlq.waiting.lead(id))) return;
          if ((await releasePage(withTries, release, isGone)) === 'more') more.push(release);
        }
        left = more;
      }
      missing = missingNow;
    } finally {
      all.forEach(report);
    }
  }

  return async () => {
    if (!(await dlq.waiting.lead(id))) return;
    if (performance.now() - notedAt > NOTE_ALL_MS) {
      await dlq.waiting.noteAll();
      notedAt = performance.now();
    }
    const ready = settled(await findActiveWaiting());
    if (ready.length > 0) await releaseAll(ready);
  };
}
