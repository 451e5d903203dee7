import type { IncomingMessage, Outcome } from '@contour/contract';
import type { ParkedEntry } from '@contour/store/dead-letters';
import type { Revival } from '@contour/store/messages';
import type { Dlq } from '../dlq/dlq.ts';
import type { Unresolved } from '../dlq/letters.ts';

export interface ReplayDeps {
  resolve: (message: IncomingMessage) => Promise<Outcome>;
  dlq: Pick<Dlq, 'read' | 'remove'>;
  /** Makes a dead message due again and removes its entry. Leaves a message in any other state unchanged. */
  revive: (message: { tenantId: string; messageId: string }) => Promise<Pick<Revival, 'isKnown'>>;
  /** The tenant that has the message's account now; null if no tenant has it. */
  ownerOf: (message: IncomingMessage) => Promise<string | null>;
}

/** The entry as it was before the replay. It may be parked again meanwhile, with a new version. */
export type Replayed = ParkedEntry | null;

/** `isRevived`: the message was dead and is due again. */
interface Resolved {
  outcome: Outcome;
  isRevived?: boolean;
}

export const isAccepted = (outcome: Outcome): outcome is Exclude<Outcome, Unresolved> =>
  outcome.kind === 'resolved' || outcome.kind === 'replayed';

/**
 * Resolves a message that may be replayed for a tenant. A message that was accepted or refused for one tenant never goes
 * to another tenant that has its credential now: a dead message is found by its row, and a message that waited for
 * its tenant continues to wait.
 */
export async function resolveReplayed(
  deps: ReplayDeps,
  message: IncomingMessage,
  replayed: Replayed,
  tenantId: string | null,
): Promise<Resolved> {
  if (tenantId === null) return { outcome: await deps.resolve(message) };
  const { stage, clientId, dialogId } = replayed?.entry ?? {};
  const { messageId, traceId } = message;
  if (stage === 'deliver' && clientId && dialogId) {
    const { isKnown } = await deps.revive({ tenantId, messageId });
    const receipt = { tenantId, clientId, dialogId, traceId, messageId };
    if (isKnown) return { outcome: { kind: 'replayed', receipt }, isRevived: true };
  }
  const owner = await deps.ownerOf(message);
  if (owner !== null && owner !== tenantId) return { outcome: { kind: 'unknown_tenant' } };
  return { outcome: await deps.resolve(message) };
}

/**
 * Ends a replay. If it succeeded, a dead message is made due again, and the entry is removed if it still has the version
 * that was replayed. A delivery that failed again meanwhile made a new version, which stays.
 */
export async function endReplay(
  deps: Pick<ReplayDeps, 'dlq' | 'revive'>,
  { message, replayOf }: { message: IncomingMessage; replayOf?: string | undefined },
  replayed: Replayed,
  { outcome, isRevived }: Resolved,
  parked: boolean,
): Promise<void> {
  if (replayOf === undefined || replayed === null) return;
  const { version } = replayed;
  if (isAccepted(outcome)) {
    // The message may be a duplicate of a dead one.
    if (outcome.kind === 'replayed' && !isRevived) await deps.revive(outcome.receipt);
    await deps.dlq.remove(replayOf, version);
  } else if (parked && replayOf !== message.messageId) {
    // The entry of an unreadable message has been replaced by an entry under the message's own id.
    await deps.dlq.remove(replayOf, version);
  }
}
