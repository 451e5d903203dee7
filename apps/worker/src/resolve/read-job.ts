import {
  checkIncoming,
  type Fault,
  type IncomingMessage,
  type ResolveJob,
  resolveJob,
} from '@contour/contract';

export type JobReading =
  | {
      ok: true;
      message: IncomingMessage;
      reply?: ResolveJob['reply'];
      replayOf?: string | undefined;
    }
  | { ok: false; faults: Fault[] };

/** Whether our own API wrote it, or the worker in place of what another service had written. */
export const isOurs = (data: unknown): boolean => (data as { v?: unknown } | null)?.v === 1;

/** Reads a job of our own API, or the contract's bare body as another service put it there. */
export function readJob(data: unknown, addedAt: Date): JobReading {
  if (isOurs(data)) {
    const ours = resolveJob.safeParse(data);
    if (ours.success) return { ok: true, ...ours.data };
  }
  const checked = checkIncoming(data, addedAt);
  return checked.ok ? { ok: true, message: checked.message } : checked;
}
