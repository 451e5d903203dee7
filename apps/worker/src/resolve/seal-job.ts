import { CREDENTIAL_FIELDS, unreadableBody } from '@contour/contract';
import { isOurs, readJob } from './read-job.ts';

/** A body, or the text of one: whoever wrote a text by mistake may have written a credential in it. */
function mayHoldCredential(data: unknown): boolean {
  if (typeof data === 'string') return true;
  if (typeof data !== 'object' || data === null) return false;
  return CREDENTIAL_FIELDS.some((field) => Object.hasOwn(data, field));
}

/**
 * What has to stand in Redis in place of a job's data: a producer may have put a credential there, and
 * a job may be looked at, tried again, or kept. Undefined where nothing has to be replaced.
 */
export function sealJob(data: unknown, addedAt: Date): unknown {
  if (isOurs(data) || !mayHoldCredential(data)) return undefined;
  const reading = readJob(data, addedAt);
  if (reading.ok) return { v: 1, message: reading.message };
  // As a text it stays unreadable: without its credential a body might pass for a good one.
  return JSON.stringify(unreadableBody(data));
}
