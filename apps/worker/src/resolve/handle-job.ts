import {
  accountOf,
  type IncomingMessage,
  type Outcome,
  type Reply,
  type ResolveJob,
} from '@contour/contract';
import { type IncomingJob, type JobOutcome, resolveDelayMs } from '@contour/queue/jobs';
import type { Logger } from '@contour/runtime';
import type { ParkedEntry } from '@contour/store/dead-letters';
import type { Revival } from '@contour/store/messages';
import type { Dlq } from '../dlq/dlq.ts';
import { givenUpLetter, type Reading, unreadableLetter, unresolvedLetter } from '../dlq/letters.ts';
import { failedByItself, type HeldMessages } from '../failures.ts';

type Readable = { ok: true } & Omit<ResolveJob, 'v'>;
export type JobReading = Readable | Extract<Reading, { ok: false }>;

interface JobDeps {
  resolve: (message: IncomingMessage) => Promise<Outcome>;
  held: HeldMessages;
  dlq: Pick<Dlq, 'park' | 'read' | 'remove'>;
  /** Makes a dead message due again and removes its entry. Leaves a message in any other state unchanged. */
  revive: (message: {
    tenantId: string;
    messageId: string;
  }) => Promise<Pick<Revival, 'isKnown' | 'hasLeft'>>;
  /** The tenant that has the message's account now; null if no tenant has it. */
  ownerOf: (message: IncomingMessage) => Promise<string | null>;
  /** Resolves with the number of processes that received the reply. */
  reply: (to: string, reply: Reply) => Promise<number>;
  forgetQueued: (messageId: string) => void;
  countDownWaiting: (account: string) => void;
  logger: Logger;
}

const RETRY_MS = 1_000;
/** Short, because a sender may wait, and another worker soon releases its lock. */
const FIRST_REST_MS = 250;
/** After this many failures of its own, within some five minutes, a message is parked. */
const MAX_FAILURES = 20;

/**
 * Handles one job: resolves its message, and sends the reply or parks the message. Waits only for a server that is away.
 * Next: `resolver.ts`, which resolves the message in a batch with others.
 */
export async function handleResolveJob(
  deps: JobDeps,
  job: IncomingJob,
  reading: JobReading,
): Promise<JobOutcome> {
  const leftMs = reading.ok ? deps.held.leftMs(reading.message) : 0;
  if (leftMs > 0) return { retryInMs: leftMs };
  try {
    if (reading.ok) await finish(deps, job, reading);
    else await deps.dlq.park(unreadableLetter({ ...job, data: reading.data }, reading.faults));
  } catch (error) {
    const end = await postpone(deps, job, reading, error);
    if (end !== 'done') {
      if (reading.ok && end.failures !== undefined) deps.held.hold(reading.message, end.retryInMs);
      return end;
    }
  }
  if (reading.ok && reading.counted) deps.countDownWaiting(accountOf(reading.message));
  return 'done';
}

async function finish(deps: JobDeps, job: IncomingJob, reading: Readable): Promise<void> {
  const { message, reply, replayOf, replayFor } = reading;
  const replayed = replayOf === undefined ? null : await deps.dlq.read(replayOf);
  // The entry may be gone: another replay succeeded, or an operator cleared it. Then the job names the tenant.
  const tenantId = replayed?.entry.tenantId ?? replayFor ?? null;
  const resolved = await resolveReplayed(deps, message, replayed, tenantId);
  const { outcome } = resolved;
  const senderWaits = replayOf === undefined && isAwaited(reply);
  const parking = parkingOf(outcome, { senderWaits, replayed, tenantId });
  const parked = await park(deps, job, message, outcome, parking);
  await endReplay(deps, reading, replayed, resolved, parked);
  if (reply) {
    const heardBy = await deps.reply(reply.to, { requestId: reply.requestId, outcome, parked });
    const isTold = heardBy > 0 && (!parked || isAwaited(reply));
    // A sender that does not learn of the refusal takes the message for queued.
    if (senderWaits && !isTold) await park(deps, job, message, outcome, 'as_accepted');
  }
  if (!isAwaited(reply)) deps.forgetQueued(message.messageId);
  const { messageId: message_id, traceId: trace_id } = message;
  deps.logger.debug({ outcome: outcome.kind, message_id, trace_id, parked }, 'message.resolved');
}

/** After this time the sender has got the answer that its message is queued, and no longer waits for a refusal. */
const isAwaited = (reply: ResolveJob['reply']): boolean =>
  reply !== undefined && Date.now() < reply.untilMs;

/** `as_refused`: the reply will say that the message was not accepted. `stays`: its entry is left as it is. */
type Parking = 'as_refused' | 'as_accepted' | 'stays' | 'not';

/**
 * How a message is parked before the reply is sent:
 *
 * | outcome        | a sender waits         | no sender waits | a replay                               |
 * | accepted       | not                    | not             | not                                    |
 * | unknown tenant | as refused             | as accepted     | as its entry was; with a tenant: stays |
 * | other refusals | not: the reply says it | as accepted     | as its entry was                       |
 *
 * A message with an unknown credential is always parked, to wait for its tenant. If a sender waits and the reply does not
 * reach it, a refused message is parked afterwards, as accepted.
 */
function parkingOf(
  outcome: Outcome,
  o: { senderWaits: boolean; replayed: Replayed; tenantId: string | null },
): Parking {
  if ('receipt' in outcome) return 'not';
  const isUnknown = outcome.kind === 'unknown_tenant';
  // Parking it again would drop the entry's tenant.
  if (isUnknown && o.tenantId !== null) return 'stays';
  if (o.senderWaits) return isUnknown ? 'as_refused' : 'not';
  return o.replayed?.wasRefused ? 'as_refused' : 'as_accepted';
}

/** Returns whether the message is in the dead-letter queue. One that was accepted is never parked. */
async function park(
  deps: JobDeps,
  job: IncomingJob,
  message: IncomingMessage,
  outcome: Outcome,
  parking: Parking,
): Promise<boolean> {
  if (parking === 'stays') return true;
  if (parking === 'not' || 'receipt' in outcome) return false;
  const letter = unresolvedLetter(message, outcome, job.started);
  const result = await deps.dlq.park(letter, { wasRefused: parking === 'as_refused' });
  if (result === 'parked') return true;
  deps.logger.warn({ message_id: message.messageId }, 'resolve.not_parked');
  return false;
}

/** The entry as it was before the replay. It may be parked again meanwhile, with a new version. */
type Replayed = ParkedEntry | null;

/** `isRevived`: the message is known, and due again if it was dead. `hasLeft`: its entry was removed with that. */
interface Resolved {
  outcome: Outcome;
  isRevived?: boolean;
  hasLeft?: boolean;
}

/**
 * Resolves a message that may be replayed for a tenant. A message that was accepted or refused for one tenant never goes
 * to another tenant that has its credential now: a dead message is found by its row, and a message that waited for
 * its tenant continues to wait.
 */
async function resolveReplayed(
  deps: JobDeps,
  message: IncomingMessage,
  replayed: Replayed,
  tenantId: string | null,
): Promise<Resolved> {
  if (tenantId === null) return { outcome: await deps.resolve(message) };
  const { stage, clientId, dialogId } = replayed?.entry ?? {};
  const { messageId, traceId } = message;
  if (stage === 'deliver' && clientId && dialogId) {
    const { isKnown, hasLeft } = await deps.revive({ tenantId, messageId });
    const receipt = { tenantId, clientId, dialogId, traceId, messageId };
    if (isKnown) return { outcome: { kind: 'replayed', receipt }, isRevived: true, hasLeft };
  }
  const owner = await deps.ownerOf(message);
  if (owner !== null && owner !== tenantId) return { outcome: { kind: 'unknown_tenant' } };
  return { outcome: await deps.resolve(message) };
}

/**
 * Ends a replay. If it succeeded, a dead message is made due again, and the entry is removed if it still has the version
 * that was replayed. A delivery that failed again meanwhile made a new version, which stays.
 */
async function endReplay(
  deps: JobDeps,
  { message, replayOf }: Readable,
  replayed: Replayed,
  { outcome, isRevived, hasLeft }: Resolved,
  parked: boolean,
): Promise<void> {
  if (replayOf === undefined || replayed === null || hasLeft) return;
  // The message may be a duplicate of a dead one.
  if (outcome.kind === 'replayed' && !isRevived) await deps.revive(outcome.receipt);
  // The entry of an unreadable message has been replaced by an entry under the message's own id.
  const isReplaced = parked && replayOf !== message.messageId;
  if ('receipt' in outcome || isReplaced) await deps.dlq.remove(replayOf, replayed.version);
}

/** Delays the job, longer after each failure of its own, and parks it after too many of them. */
async function postpone(deps: JobDeps, job: IncomingJob, reading: JobReading, error: unknown) {
  if (!failedByItself(error)) {
    deps.logger.debug({ err: error, job_id: job.id }, 'resolve.waits');
    return { retryInMs: withJitter(RETRY_MS) };
  }
  const failures = job.failures + 1;
  if (failures >= MAX_FAILURES) {
    deps.logger.error({ err: error, job_id: job.id }, 'resolve.given_up');
    await deps.dlq.park(givenUpLetter(job, reading, (error as Error).message));
    return 'done';
  }
  deps.logger.warn({ err: error, job_id: job.id, failures }, 'resolve.postponed');
  return { retryInMs: withJitter(resolveDelayMs(failures, FIRST_REST_MS)), failures };
}

/** Two messages that met at one row get different delays, so that they do not meet there again. */
const withJitter = (ms: number): number => Math.round(ms * (0.5 + Math.random() / 2));
