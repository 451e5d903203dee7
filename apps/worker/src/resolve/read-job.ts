import {
  CREDENTIAL_FIELDS,
  checkIncoming,
  type Fault,
  type IncomingMessage,
  type ResolveJob,
  resolveJob,
} from '@contour/contract';
import { TooLong } from '@contour/queue';

export type JobReading =
  | {
      ok: true;
      message: IncomingMessage;
      reply?: ResolveJob['reply'];
      replayOf?: string | undefined;
      replayFor?: string | undefined;
      /** Whether the API counted it among the waiting messages of its account. */
      counted?: true | undefined;
    }
  /** `data` is what could not be read. */
  | { ok: false; data: unknown; faults: Fault[] };

/** What a worker has put in the place of a body that cannot be read. */
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
 * Whether our own API wrote it, or a worker in place of what another service had written. A look at a
 * few fields, for it is asked of every job; what only looks so is found out by reading.
 */
export function isOurs(data: unknown): data is object {
  if (typeof data !== 'object' || data === null || !('v' in data) || data.v !== 1) return false;
  if (CREDENTIAL_FIELDS.some((field) => Object.hasOwn(data, field))) return false;
  if (isSealedUnreadable(data)) return true;
  const { message } = data as { message?: { messageId?: unknown; fingerprint?: unknown } | null };
  return typeof message?.messageId === 'string' && typeof message.fingerprint === 'string';
}

/** Reads a job of our own API, or the contract's bare body as another service put it there. */
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
