import { AppError, accountOf, type IncomingMessage } from '@contour/contract';
import { createCounter, type Duty, type Logger } from '@contour/runtime';
import type { Database } from '@contour/store/database';
import {
  type ActiveAccount,
  findReleasable,
  readWaiting,
  removeParked,
  stopWaiting,
  takeParkedTurn,
  type WaitingEntry,
  type WaitingPlace,
} from '@contour/store/dead-letters';
import type { Ending } from '@contour/store/resolve';
import type { Registry } from 'prom-client';
import type { Dlq } from '../dlq/dlq.ts';
import { unresolvedLetter } from '../dlq/letters.ts';
import { backoff, failedByItself } from '../failures.ts';

/** An account must have been active for this long: an operator who replays by hand right after adding it comes first. */
const SETTLED_MS = 1_500;
/** A worker renews its turn before every page, so another one soon takes over from a dead worker. */
const LEAD_MS = 5_000;

interface ReleaseDeps {
  pool: Database;
  dlq: Pick<Dlq, 'park'>;
  /** Resolves for this tenant only. A message whose account has another tenant now ends as `unknown_tenant`. */
  resolveAll: (messages: readonly IncomingMessage[], onlyFor: string) => Promise<Ending[]>;
  id: string;
  registry: Registry;
  stopping: AbortSignal;
  logger: Logger;
}

/** A duty: releases entries that were parked because their account was unknown or switched off. */
export function releaseParkedDuty(deps: ReleaseDeps): Duty {
  const { pool, id, stopping, logger } = deps;
  const pageDeps = { ...deps, tries: createReleaseTries() };
  const released = createCounter(deps.registry, {
    name: 'contour_dlq_released_total',
    help: 'Entries that were released after their account was added or switched on.',
  })();
  /** When each account was first seen to be active while something waited for it. */
  let activeSince = new Map<string, number>();

  const leads = () => takeParkedTurn(pool, { duty: 'release', holder: id, ms: LEAD_MS });

  function settled(accounts: readonly ActiveAccount[]): ActiveAccount[] {
    const now = performance.now();
    const sinceOf = (account: ActiveAccount) => activeSince.get(accountOf(account)) ?? now;
    activeSince = new Map(accounts.map((account) => [accountOf(account), sinceOf(account)]));
    return accounts.filter((account) => now - sinceOf(account) >= SETTLED_MS);
  }

  const report = ({ account: { channel, fingerprint, tenantId }, count }: Release) => {
    if (count === 0) return;
    logger.info({ count, channel, fingerprint, tenant_id: tenantId }, 'dlq.released');
    released.inc(count);
  };

  /** Releases a page of each account in turn: one with many entries does not delay the others. */
  async function releaseAll(accounts: readonly ActiveAccount[]): Promise<void> {
    const fresh = () => ({ after: null, count: 0, heldChats: new Set<string>() });
    const releases: Release[] = accounts.map((account) => ({ account, ...fresh() }));
    const open = new Set(releases);
    try {
      while (open.size > 0) {
        for (const release of open) {
          if (stopping.aborted || !(await leads())) return;
          if (!(await releasePage(pageDeps, release))) open.delete(release);
        }
      }
    } finally {
      releases.forEach(report);
    }
  }

  return {
    name: 'release-parked',
    every: 2,
    async run() {
      if (await leads()) await releaseAll(settled(await findReleasable(pool)));
    },
  };
}

/*
 * An entry that fails for a reason that will not pass rests longer each time. After the last failure it is left to an
 * operator:
 *
 * | failure | 1   | 2   | 3   | 4    | 5    | 6    | 7     | 8 = MAX_TRIES |
 * | rest    | 2 s | 4 s | 8 s | 16 s | 32 s | 64 s | 128 s | none          |
 */
const REST = { firstMs: 2_000, longestMs: Number.POSITIVE_INFINITY };
const MAX_TRIES = 8;

/** An entry that was not tried for so long after its rest has left in another way. */
const FORGOTTEN_MS = 10 * 60 * 1000;

/** How often entries have failed. This is the memory of one worker: another one begins again. */
function createReleaseTries() {
  const failed = new Map<string, { tries: number; restsUntil: number }>();
  return {
    isResting: (id: string): boolean => performance.now() < (failed.get(id)?.restsUntil ?? 0),
    /** Returns the number of failures so far. */
    fail(id: string): number {
      const now = performance.now();
      for (const [each, { restsUntil }] of failed) {
        if (restsUntil + FORGOTTEN_MS < now) failed.delete(each);
      }
      const tries = (failed.get(id)?.tries ?? 0) + 1;
      failed.set(id, { tries, restsUntil: now + backoff(tries, REST) });
      return tries;
    },
    forget: (id: string) => void failed.delete(id),
  };
}

type PageDeps = ReleaseDeps & { tries: ReturnType<typeof createReleaseTries> };

/** The release of one account's entries. */
interface Release {
  account: ActiveAccount;
  after: WaitingPlace | null;
  count: number;
  /** Chats with an entry that stays for now. Later entries must not overtake it. */
  heldChats: Set<string>;
}

const keyOf = ({ entry: { id }, version }: WaitingEntry) => ({ id, version });

/**
 * Resolves the next entries in the order in which they were received, here and in one call: as jobs they would overtake
 * one another. They are removed after the commit: a worker that is killed midway repeats entries and loses none, and
 * two workers at once do no harm, because the ledger recognises the messages of the second as duplicates. The messages
 * are resolved for the tenant that had the account when the release began. If another tenant has it now, the release
 * ends. Returns whether it goes on.
 */
async function releasePage(deps: PageDeps, release: Release): Promise<boolean> {
  const { pool, tries } = deps;
  const { account, heldChats } = release;
  const { entries, next } = await readWaiting(pool, account, release.after);
  // The messages of a switched-off tenant are not for the tenant that has its credential now.
  const isOthers = ({ entry }: WaitingEntry) =>
    entry.tenantId !== null && entry.tenantId !== account.tenantId;
  await stopWaiting(pool, entries.filter(isOthers).map(keyOf));

  /** Whether the entry rests after a failure, or is a later one of the same chat. */
  const isHeld = ({ entry: { id, message } }: WaitingEntry) => {
    if (tries.isResting(id)) heldChats.add(message.externalChatId);
    return heldChats.has(message.externalChatId);
  };
  const own = entries.filter((item) => !isOthers(item) && !isHeld(item));
  const messages = own.map(({ entry }) => entry.message);
  const endings = own.length === 0 ? [] : await deps.resolveAll(messages, account.tenantId);
  const done: WaitingEntry[] = [];
  let goesOn = next !== null;
  for (const [i, item] of own.entries()) {
    const end = await conclude(deps, release, item.entry, endings[i]);
    if (end === 'released') done.push(item);
    if (end === 'stop') goesOn = false;
  }
  if (done.length > 0) release.count += await removeParked(pool, done.map(keyOf));
  release.after = next;
  return goesOn;
}

/** `stop`: the account is gone, belongs to another tenant, or is switched off. */
async function conclude(
  deps: PageDeps,
  { account, heldChats }: Release,
  entry: WaitingEntry['entry'],
  ending: Ending | undefined,
): Promise<'released' | 'stays' | 'stop'> {
  if (ending === undefined) return 'stays';
  if (ending instanceof AppError) {
    heldChats.add(entry.message.externalChatId);
    if (failedByItself(ending)) await postpone(deps, account, entry, ending);
    return 'stays';
  }
  deps.tries.forget(entry.id);
  if ('receipt' in ending) return 'released';
  if (ending.kind === 'unknown_tenant' || ending.kind === 'tenant_disabled') return 'stop';
  await deps.dlq.park(unresolvedLetter(entry.message, ending, entry.attempts + 1));
  return 'stays';
}

/** The entry stays and rests. After the last failure it no longer waits for its account, but for an operator. */
async function postpone(
  { dlq, tries, logger }: PageDeps,
  { tenantId }: ActiveAccount,
  { id, message, attempts }: WaitingEntry['entry'],
  err: AppError,
): Promise<void> {
  const failures = tries.fail(id);
  if (failures < MAX_TRIES) {
    logger.warn({ err, message_id: id, failures }, 'dlq.not_released');
    return;
  }
  logger.error({ err, message_id: id, failures }, 'dlq.release_given_up');
  const outcome = { kind: 'stalled', tenantId } as const;
  await dlq.park(unresolvedLetter(message, outcome, attempts + failures, err.message));
  tries.forget(id);
}
