import {
  type DlqEntry,
  type Fault,
  messageIdOf,
  unreadableBody,
  writeExactJson,
} from '@contour/contract';
import { TooLong } from '@contour/queue';

/** More than any message may be, and little enough to be looked at. */
const MAX_RAW_LENGTH = 512 * 1024;

function rawText(data: unknown): string {
  if (data instanceof TooLong) return JSON.stringify(`${data}`);
  const text = writeExactJson(unreadableBody(data));
  return text.length <= MAX_RAW_LENGTH ? text : JSON.stringify(`(${text.length} characters)`);
}

/** More than anybody mends by hand. */
const MAX_PLACES = 20;

function placesOf(faults: readonly Fault[]): string {
  const places = faults
    .slice(0, MAX_PLACES)
    .map(({ path, message }) => `${path || 'body'} ${message}`);
  const more = faults.length - places.length;
  return [...places, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** The dead-letter entry of a job that nobody can read. Its id is the job's: it is parked once. */
export function unreadableLetter(
  job: { id: string; data: unknown; timestampMs: number; started: number },
  faults: readonly Fault[],
  origin?: string,
): DlqEntry {
  const places = placesOf(faults);
  const message = origin === undefined ? places : `${places} (${origin})`;
  return {
    v: 1,
    id: messageIdOf({ channel: 'job', fingerprint: '', externalChatId: job.id, messageIds: [] }),
    reason: 'invalid',
    stage: 'resolve',
    tenantId: null,
    clientId: null,
    dialogId: null,
    error: { code: 'invalid', message },
    attempts: job.started,
    receivedAt: new Date(job.timestampMs).toISOString(),
    failedAt: new Date().toISOString(),
    message: null,
    raw: rawText(job.data),
  };
}
