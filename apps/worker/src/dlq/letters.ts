import {
  type DlqEntry,
  type DlqReason,
  type Fault,
  type IncomingMessage,
  messageIdOf,
  type Outcome,
  unreadableBody,
  writeExactJson,
} from '@contour/contract';
import { type IncomingJob, TooLong } from '@contour/queue/jobs';

/** An outcome that did not put the message into the ledger. */
type Unresolved = Exclude<Outcome, { receipt: unknown }>;

const MEANING: Record<Unresolved['kind'], string> = {
  unknown_tenant: 'no tenant has this credential',
  tenant_disabled: 'the tenant or its channel account is switched off',
  conflict: 'these message ids were accepted with another text or media',
  invalid: 'the database refuses this message',
};

function meaningOf({ kind, tenantId }: { kind: DlqReason; tenantId?: string }): string {
  const meaning = MEANING[kind as Unresolved['kind']] ?? kind;
  return kind === 'unknown_tenant' && tenantId !== undefined ? `${meaning} any more` : meaning;
}

const UNRESOLVED = { v: 1, stage: 'resolve', clientId: null, dialogId: null } as const;

/** The dead-letter entry of a message that could not be resolved. */
export function unresolvedLetter(
  message: IncomingMessage,
  outcome: { kind: DlqReason; tenantId?: string },
  attempts: number,
  explanation?: string,
): DlqEntry {
  return {
    ...UNRESOLVED,
    id: message.messageId,
    reason: outcome.kind,
    tenantId: outcome.tenantId ?? null,
    error: { code: outcome.kind, message: explanation ?? meaningOf(outcome) },
    attempts,
    receivedAt: message.receivedAt,
    failedAt: new Date().toISOString(),
    message,
    raw: null,
  };
}

/** Longer than any valid message, and short enough to be displayed. */
const MAX_RAW_LENGTH = 512 * 1024;

function rawText(data: unknown): string {
  if (data instanceof TooLong) return JSON.stringify(`${data}`);
  const text = writeExactJson(unreadableBody(data));
  return text.length <= MAX_RAW_LENGTH ? text : JSON.stringify(`(${text.length} characters)`);
}

/** How many faults an entry lists. The others are only counted. */
const MAX_PLACES = 20;

function placesOf(faults: readonly Fault[]): string {
  const places = faults
    .slice(0, MAX_PLACES)
    .map(({ path, message }) => `${path || 'body'} ${message}`);
  const more = faults.length - places.length;
  return [...places, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** What could be read of a job or of a stream entry. `data` is the part that could not be read. */
export type Reading =
  | { ok: true; message: IncomingMessage }
  | { ok: false; data: unknown; faults: Fault[] };

/** The job that brought a message, or one that is made from a stream entry. */
type Bringer = Pick<IncomingJob, 'id' | 'timestampMs' | 'started'>;

/** The dead-letter entry of a job that failed too often, or whose workers died: perhaps the message is the reason. */
export const givenUpLetter = (
  job: Bringer,
  reading: Reading,
  reason: string,
  origin?: string,
): DlqEntry =>
  reading.ok
    ? unresolvedLetter(reading.message, { kind: 'stalled' }, job.started, reason)
    : unreadableLetter({ ...job, data: reading.data }, reading.faults, origin);

/** The dead-letter entry of a job that cannot be read. Its id depends on the job's id: a job is parked once. */
export function unreadableLetter(
  job: Bringer & { data: unknown },
  faults: readonly Fault[],
  origin?: string,
): DlqEntry {
  const places = placesOf(faults);
  const message = origin === undefined ? places : `${places} (${origin})`;
  return {
    ...UNRESOLVED,
    id: messageIdOf({ channel: 'job', fingerprint: '', externalChatId: job.id, messageIds: [] }),
    reason: 'invalid',
    tenantId: null,
    error: { code: 'invalid', message },
    attempts: job.started,
    receivedAt: new Date(job.timestampMs).toISOString(),
    failedAt: new Date().toISOString(),
    message: null,
    raw: rawText(job.data),
  };
}
