import { type Fault, PROBLEMS, type ProblemCode } from '@contour/contract';

interface ProblemDetails {
  detail: string;
  errors?: Fault[];
  headers?: Record<string, string>;
}

/** A no that a route says on purpose; what its detail and errors hold is shown to the sender. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly statusCode: number;
  readonly errors: Fault[] | undefined;
  readonly headers: Record<string, string>;

  constructor(code: ProblemCode, { detail, errors, headers = {} }: ProblemDetails) {
    super(detail);
    this.code = code;
    this.statusCode = PROBLEMS[code].status;
    this.errors = errors;
    this.headers = headers;
  }
}

/** What a sender who is asked to come back later is told by a 503: soon, for outages here are short. */
export const RETRY_AFTER_SECONDS = '2';

export function unavailable(detail: string): ProblemError {
  return new ProblemError('unavailable', {
    detail,
    headers: { 'retry-after': RETRY_AFTER_SECONDS },
  });
}

export function notFound(detail: string): ProblemError {
  return new ProblemError('not_found', { detail });
}
