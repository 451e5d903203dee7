import { createCounter, type Duty } from '@contour/runtime';
import { type ActiveAccount, findReleasable, takeParkedTurn } from '@contour/store/dead-letters';
import type { Registry } from 'prom-client';
import { createReleaseTries, type PageDeps, type Release, releasePage } from './release-page.ts';

/** In seconds. */
const EVERY = 2;
/** An account must have been active for this long: an operator who replays by hand right after adding it comes first. */
const SETTLED_MS = 1_500;
/** A worker renews its turn before every page, so another one soon takes over from a dead worker. */
const LEAD_MS = 5_000;

interface ReleaseDeps extends Omit<PageDeps, 'tries'> {
  /** This worker's name. */
  id: string;
  stopping: AbortSignal;
  onReleased: (count: number) => void;
}

/** A duty: releases entries that were parked because their account was unknown or switched off. */
export function releaseParkedDuty({
  registry,
  ...deps
}: Omit<ReleaseDeps, 'onReleased'> & { registry: Registry }): Duty {
  const released = createCounter(registry, {
    name: 'contour_dlq_released_total',
    help: 'Entries that were released after their account was added or switched on.',
  })();
  const run = createRelease({ ...deps, onReleased: (count) => released.inc(count) });
  return { name: 'release-parked', every: EVERY, run };
}

/** Next: `release-page.ts`, which releases one page of one account. */
export function createRelease(deps: ReleaseDeps): () => Promise<void> {
  const { pool, id, stopping, logger, onReleased } = deps;
  /** When each account was first seen to be active while something waited for it. */
  let activeSince = new Map<string, number>();
  const withTries = { ...deps, tries: createReleaseTries() };

  const leads = () => takeParkedTurn(pool, { duty: 'release', holder: id, ms: LEAD_MS });

  const keyOf = ({ channel, fingerprint }: ActiveAccount) => `${channel} ${fingerprint}`;

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

  /** Releases a page of each account in turn: one with many entries does not delay the others. */
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
