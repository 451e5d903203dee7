import {
  CREDENTIAL_FIELDS,
  checkIncoming,
  type Fault,
  type IncomingMessage,
  mayHoldCredential,
  type ResolveJob,
  resolveJob,
  unreadableBody,
} from '@contour/contract';
import { TooLong } from '@contour/queue/jobs';

export type JobReading =
  | {
      ok: true;
      message: IncomingMessage;
      reply?: ResolveJob['reply'];
      replayOf?: string | undefined;
      replayFor?: string | undefined;
      /** Whether the API counted the message among the waiting messages of its account. */
      counted?: true | undefined;
    }
  /** `data` is the part that could not be read. */
  | { ok: false; data: unknown; faults: Fault[] };

/** Replaces a body that cannot be read: see `sealJob`. */
interface SealedUnreadable {
  v: 1;
  unreadable: unknown;
  faults: Fault[];
}

const isFault = (value: unknown): value is Fault =>
  typeof (value as Fault | null)?.path === 'string' && typeof (value as Fault).message === 'string';

const isSealedUnreadable = (data: object): data is SealedUnreadable =>
  'unreadable' in data &&
  'faults' in data &&
  Array.isArray(data.faults) &&
  data.faults.every(isFault);

/**
 * Whether our API, or a worker that sealed the job, wrote this data. Checks a few fields only, because it runs for every
 * job. Reading the job finds out if foreign data has the same fields.
 */
function isOurs(data: unknown): data is object {
  if (typeof data !== 'object' || data === null || !('v' in data) || data.v !== 1) return false;
  if (CREDENTIAL_FIELDS.some((field) => Object.hasOwn(data, field))) return false;
  if (isSealedUnreadable(data)) return true;
  const { message } = data as { message?: { messageId?: unknown; fingerprint?: unknown } | null };
  return typeof message?.messageId === 'string' && typeof message.fingerprint === 'string';
}

/** Reads a job: data of our own API, or the contract's bare body from another service. Next: `handle-job.ts`. */
export function readJob(data: unknown, addedAt: Date): JobReading {
  if (data instanceof TooLong) {
    return { ok: false, data, faults: [{ path: '', message: `is too long to be read: ${data}` }] };
  }
  if (isOurs(data)) {
    if (isSealedUnreadable(data)) return { ok: false, data: data.unreadable, faults: data.faults };
    const ours = resolveJob.safeParse(data);
    if (ours.success) return { ok: true, ...ours.data };
  }
  const checked = checkIncoming(data, addedAt);
  return checked.ok ? { ok: true, message: checked.message } : { ...checked, data };
}

/**
 * Data without a credential that replaces a job's data in Redis. A producer may have written a credential there, and
 * a job may be looked at, retried or kept. Undefined if nothing has to be replaced.
 */
export function sealJob(data: unknown, addedAt: Date): unknown {
  if (isOurs(data) || !mayHoldCredential(data)) return undefined;
  const reading = readJob(data, addedAt);
  if (reading.ok) return { v: 1, message: reading.message };
  return { v: 1, unreadable: unreadableBody(data), faults: reading.faults };
}

/** Replaces data that could not be handled. It explains why the data is missing when the job is parked later. */
export const replacedData = () => ({
  v: 1,
  unreadable: null,
  faults: [
    {
      path: '',
      message: 'could not be handled, and was removed because it may contain a credential',
    },
  ],
});
