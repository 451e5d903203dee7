import { AppError } from '@contour/contract';
import type { Logger } from '@contour/runtime';
import type { ActiveAccount, Ending, WaitingEntry } from '@contour/store';
import type { Dlq } from '../dlq/create-dlq.ts';
import { failedByItself } from '../resolve/failed-by-itself.ts';
import { unresolvedLetter } from '../resolve/unresolved-letter.ts';
import { MAX_TRIES, type ReleaseTries } from './release-tries.ts';

export interface ConcludeDeps {
  dlq: Pick<Dlq, 'park'>;
  tries: ReleaseTries;
  logger: Logger;
}

/** It stays, and is tried again after a rest; in the end it waits for an operator, and for nothing else. */
async function postpone(
  { dlq, tries, logger }: ConcludeDeps,
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

/** What an entry came to; `stop` where its account is no longer there, not that tenant's, or switched off. */
export async function concludeRelease(
  deps: ConcludeDeps,
  account: ActiveAccount,
  { entry }: WaitingEntry,
  ending: Ending,
): Promise<'released' | 'stays' | 'stop'> {
  if (ending instanceof AppError) {
    if (failedByItself(ending)) await postpone(deps, account, entry, ending);
    return 'stays';
  }
  deps.tries.forget(entry.id);
  if ('receipt' in ending) return 'released';
  if (ending.kind === 'unknown_tenant' || ending.kind === 'tenant_disabled') return 'stop';
  await deps.dlq.park(unresolvedLetter(entry.message, ending, entry.attempts + 1));
  return 'stays';
}
