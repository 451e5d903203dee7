import { type DlqEntry, type Fault, messageIdOf, unreadableBody } from '@contour/contract';

/** More than any message may be, and little enough to be looked at. */
const MAX_RAW_LENGTH = 512 * 1024;

function rawText(data: unknown): string {
  const text = JSON.stringify(unreadableBody(data));
  return text.length <= MAX_RAW_LENGTH ? text : JSON.stringify(`(${text.length} characters)`);
}

/** The dead-letter entry of a job that nobody can read. Its id is the job's: it is parked once. */
export function unreadableLetter(
  job: { id: string; data: unknown; timestampMs: number; started: number },
  faults: readonly Fault[],
  origin?: string,
): DlqEntry {
  const places = faults.map(({ path, message }) => `${path || 'body'} ${message}`).join('; ');
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
