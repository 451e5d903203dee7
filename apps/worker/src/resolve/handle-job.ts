import {
  accountOf,
  type IncomingMessage,
  type Outcome,
  type Reply,
  type ResolveJob,
} from '@contour/contract';
import { type IncomingJob, type JobEnd, restAfter } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import type { ParkedEntry, Revival } from '@contour/store';
import type { Dlq } from '../dlq/create-dlq.ts';
import type { Resolver } from './create-resolver.ts';
import { failedByItself } from './failed-by-itself.ts';
import type { HeldMessages } from './held-messages.ts';
import { parkGivenUp } from './park-given-up.ts';
import { type JobReading, readJob } from './read-job.ts';
import { unreadableLetter } from './unreadable-letter.ts';
import { type Unresolved, unresolvedLetter } from './unresolved-letter.ts';

type Readable = Extract<JobReading, { ok: true }>;

interface JobDeps {
  resolve: Resolver['resolve'];
  held: HeldMessages;
  dlq: Dlq;
  /** Makes a dead message due again and removes its entry; a message in any other state is left as it is. */
  revive: (message: { tenantId: string; messageId: string }) => Promise<Pick<Revival, 'isKnown'>>;
  /** Whose its account is by now; null where nobody has it. */
  ownerOf: (message: IncomingMessage) => Promise<string | null>;
  /** Resolves with how many processes heard it. */
  reply: (to: string, reply: Reply) => Promise<number>;
  /** Drops the note that says no more than that a message is queued. */
  forgetQueued: (messageId: string) => void;
  /** Counts down the waiting messages of the account. */
  forgetWaiting: (account: string) => void;
  logger: Logger;
}

const RETRY_MS = 1_000;
/** Short, because a sender may wait, and another worker soon releases its lock. */
const FIRST_REST_MS = 250;
/** After this many failures of its own, within some five minutes, a message is parked. */
const MAX_FAILURES = 20;

const isAccepted = (outcome: Outcome): outcome is Exclude<Outcome, Unresolved> =>
  outcome.kind === 'resolved' || outcome.kind === 'replayed';

/** Past its time the sender has been told that the message is queued: a refusal would reach nobody. */
const isHeard = (reply: ResolveJob['reply']): boolean =>
  reply !== undefined && Date.now() < reply.untilMs;

/** Remembers the entry as it was before the replay: what is parked meanwhile is another matter. */
type Replayed = ParkedEntry | null;

/** The outcome of a message. `isRevived`: it was dead and is due again. */
interface Resolved {
  outcome: Outcome;
  isRevived?: boolean;
}

/**
 * A replay has succeeded: a dead message is made due again, and the entry is removed if it still has the version that
 * was replayed. A delivery that has failed again meanwhile has made a new version, which stays.
 */
async function endReplay(
  deps: JobDeps,
  { message, replayOf }: Readable,
  replayed: Replayed,
  { outcome, isRevived }: Resolved,
  parked: boolean,
): Promise<void> {
  if (replayOf === undefined || replayed === null) return;
  const { version } = replayed;
  if (isAccepted(outcome)) {
    // The message may be a repeat of a dead one.
    if (outcome.kind === 'replayed' && !isRevived) await deps.revive(outcome.receipt);
    await deps.dlq.remove(replayOf, version);
  } else if (parked && replayOf !== message.messageId) {
    // What could not be read when it was parked has an entry under its own id by now.
    await deps.dlq.remove(replayOf, version);
  }
}

/**
 * An unknown credential always waits for its tenant in the dead-letter queue. The other refusals are
 * told to whoever waits for the answer, and parked where nobody does.
 */
const isForSender = (outcome: Unresolved, { reply, replayOf }: Readable): boolean =>
  outcome.kind !== 'unknown_tenant' && replayOf === undefined && isHeard(reply);

async function park(
  deps: JobDeps,
  job: IncomingJob,
  message: IncomingMessage,
  outcome: Unresolved,
  wasRefused = false,
): Promise<boolean> {
  const letter = unresolvedLetter(message, outcome, job.started);
  const result = await deps.dlq.park(letter, { wasRefused });
  if (result === 'parked') return true;
  deps.logger.warn({ message_id: message.messageId }, 'resolve.not_parked');
  return false;
}

/**
 * What was accepted, or refused, for one tenant is never another's, whoever has its credential by now: a
 * dead message is known by its row, and what waited for a tenant goes on waiting.
 */
async function resolveReplayed(
  deps: JobDeps,
  message: IncomingMessage,
  replayed: Replayed,
  tenantId: string | null,
): Promise<Resolved> {
  const { stage, clientId, dialogId } = replayed?.entry ?? {};
  if (tenantId === null) return { outcome: await deps.resolve(message) };
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

async function finish(deps: JobDeps, job: IncomingJob, reading: Readable): Promise<void> {
  const { message, reply, replayOf, replayFor } = reading;
  const replayed = replayOf === undefined ? null : await deps.dlq.read(replayOf);
  // Another replay may have let the entry in, or an operator may have cleared it.
  const tenantId = replayed?.entry.tenantId ?? replayFor ?? null;
  const resolved = await resolveReplayed(deps, message, replayed, tenantId);
  const { outcome } = resolved;
  const mustPark = !isAccepted(outcome) && !isForSender(outcome, reading);
  // Parked anew it would forget whose it was.
  const stays = outcome.kind === 'unknown_tenant' && tenantId !== null;
  // The sender is told now that the message was not accepted. For a replay, the entry holds that fact.
  const wasRefused = replayOf === undefined ? isHeard(reply) : (replayed?.wasRefused ?? false);
  const parked = stays || (mustPark && (await park(deps, job, message, outcome, wasRefused)));
  await endReplay(deps, reading, replayed, resolved, parked);
  if (reply) {
    const heardBy = await deps.reply(reply.to, { requestId: reply.requestId, outcome, parked });
    // No sender gets this answer, so the message is parked. It counts as accepted: its sender took it for queued.
    const isKept = isAccepted(outcome) || replayOf !== undefined || (mustPark && !wasRefused);
    const isTold = heardBy > 0 && !(parked && !isHeard(reply));
    if (!isKept && !isTold) await park(deps, job, message, outcome);
  }
  if (!isHeard(reply)) deps.forgetQueued(message.messageId);
  deps.logger.debug(
    {
      outcome: outcome.kind,
      message_id: message.messageId,
      trace_id: message.traceId,
      parked,
    },
    'message.resolved',
  );
}

/** A job that fails again and again, for no reason that will pass: parked for somebody to look at. */
async function giveUp(deps: JobDeps, job: IncomingJob, error: Error): Promise<'done'> {
  deps.logger.error({ err: error, job_id: job.id }, 'resolve.given_up');
  await parkGivenUp(deps.dlq, { ...job, failedReason: error.message });
  return 'done';
}

/** Random, so that two messages that met at one row do not meet there again. */
const unlikeOthers = (ms: number): number => Math.round(ms * (0.5 + Math.random() / 2));

/** Delays the job, longer after each failure of its own, and parks it in the end. */
async function postpone(deps: JobDeps, job: IncomingJob, error: unknown): Promise<JobEnd> {
  if (!failedByItself(error)) {
    deps.logger.debug({ err: error, job_id: job.id }, 'resolve.waits');
    return { retryInMs: unlikeOthers(RETRY_MS) };
  }
  const failures = job.failures + 1;
  if (failures >= MAX_FAILURES) return giveUp(deps, job, error as Error);
  deps.logger.warn({ err: error, job_id: job.id, failures }, 'resolve.postponed');
  return { retryInMs: unlikeOthers(restAfter(failures, FIRST_REST_MS)), failures };
}

async function resolveOrPostpone(
  deps: JobDeps,
  job: IncomingJob,
  reading: Readable,
): Promise<JobEnd> {
  const { message } = reading;
  const leftMs = deps.held.leftMs(message);
  if (leftMs > 0) return { retryInMs: leftMs };
  try {
    await finish(deps, job, reading);
    return 'done';
  } catch (error) {
    const end = await postpone(deps, job, error);
    if (end !== 'done' && end.failures !== undefined) deps.held.hold(message, end.retryInMs);
    return end;
  }
}

/** One job's life: read, resolve, park what cannot be resolved, answer. Waits only for an absent server. */
export async function handleResolveJob(deps: JobDeps, job: IncomingJob): Promise<JobEnd> {
  const reading = readJob(job.data, new Date(job.timestampMs));
  if (!reading.ok) {
    try {
      await deps.dlq.park(unreadableLetter({ ...job, data: reading.data }, reading.faults));
      return 'done';
    } catch (error) {
      return postpone(deps, job, error);
    }
  }
  const end = await resolveOrPostpone(deps, job, reading);
  if (end === 'done' && reading.counted) deps.forgetWaiting(accountOf(reading.message));
  return end;
}
