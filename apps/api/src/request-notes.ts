import type { Channel } from '@contour/contract';
import type { FastifyRequest } from 'fastify';

/** What becomes known about a request on its way, for its answer and its one line in the log. */
export interface RequestNotes {
  traceId?: string;
  messageId?: string;
  channel?: Channel;
  code?: string;
  /** By which key, or from which address, it came. */
  caller?: string;
}

const notes = new WeakMap<FastifyRequest, RequestNotes>();

export function notesOf(request: FastifyRequest): RequestNotes {
  const known = notes.get(request);
  if (known !== undefined) return known;
  const fresh: RequestNotes = {};
  notes.set(request, fresh);
  return fresh;
}

/** The sender's trace id, or the request's own: an answer can always be found in the log. */
export function traceIdOf(request: FastifyRequest): string {
  return notesOf(request).traceId ?? request.id;
}

const TRACE_ID = /^[\x21-\x7e]{1,128}$/;

/** Takes the trace id out of a body that may be wrong in every other respect. */
export function noteTraceId(request: FastifyRequest): void {
  const body = request.body;
  if (typeof body !== 'object' || body === null || !('trace_id' in body)) return;
  const { trace_id: traceId } = body;
  if (typeof traceId === 'string' && TRACE_ID.test(traceId)) notesOf(request).traceId = traceId;
}
