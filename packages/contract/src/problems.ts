import type { Fault } from './outcomes.ts';

/** All problem codes with status and title. */
export const PROBLEMS = {
  invalid: { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'A key is missing or wrong' },
  tenant_disabled: { status: 403, title: 'The tenant is switched off' },
  unknown_tenant: { status: 404, title: 'No tenant has this credential' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  message_conflict: { status: 409, title: 'These message ids were accepted with other content' },
  too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is not JSON' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'Nothing can be accepted now' },
  not_yet: { status: 503, title: 'Queued, but not resolved yet' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** An RFC 9457 problem. `accepted` and `reason` are what existing senders look at. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ProblemCode;
  detail: string;
  trace_id: string | null;
  accepted: false;
  reason: ProblemCode;
  errors?: Fault[];
}

export function problemOf(
  code: ProblemCode,
  { detail, traceId = null, errors }: { detail: string; traceId?: string | null; errors?: Fault[] },
): Problem {
  const { status, title } = PROBLEMS[code];
  return {
    type: `urn:contour:problem:${code}`,
    title,
    status,
    code,
    detail,
    trace_id: traceId,
    accepted: false,
    reason: code,
    ...(errors === undefined ? {} : { errors }),
  };
}
