import type { Socket } from 'node:net';
import { AppError, type AppErrorCode, type Fault, uuidv7 } from '@contour/contract';
import { type Logger, TimeoutError } from '@contour/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { notesOf, traceIdOf } from './observe-request.ts';

const PROBLEM_TYPE = 'application/problem+json';

/** The codes that this room answers with. A service adds its own in its table. */
export type HttpProblemCode =
  | 'invalid'
  | 'unauthorized'
  | 'not_found'
  | 'method_not_allowed'
  | 'too_large'
  | 'unsupported_media_type'
  | 'too_many_requests'
  | 'internal'
  | 'unavailable';

interface ProblemKind {
  status: number;
  title: string;
}

/** Every code that a service may answer with. */
export type ProblemTable = Readonly<
  Record<HttpProblemCode, ProblemKind> & Record<string, ProblemKind>
>;

/** An RFC 9457 problem. Existing senders look at `accepted` and `reason`. */
export function problemSchema(table: ProblemTable) {
  const codes = Object.keys(table) as [string, ...string[]];
  const rows = Object.entries(table).map(
    ([code, { status, title }]) => `| ${code} | ${status} | ${title} |`,
  );
  return z
    .object({
      type: z.string().describe('`urn:contour:problem:<code>`'),
      title: z.string(),
      status: z.int().min(400).max(599),
      code: z.enum(codes),
      detail: z.string().describe('With `errors`: the first of them, and how many there are.'),
      trace_id: z
        .string()
        .nullable()
        .describe(
          "The sender's trace id, if the body could be read. The log shows the request under it.",
        ),
      accepted: z.literal(false),
      reason: z.enum(codes).describe('The same as `code`'),
      errors: z
        .array(z.object({ path: z.string(), message: z.string() }))
        .exactOptional()
        .describe('Every fault of the request, if it could be read'),
    })
    .describe(
      `Every refusal, in the form of RFC 9457.\n\n| code | status | title |\n|---|---|---|\n${rows.join('\n')}`,
    );
}

export type Problem = z.infer<ReturnType<typeof problemSchema>>;

export function problemOf<Code extends string>(
  table: Readonly<Record<Code, ProblemKind>>,
  code: Code,
  { detail, traceId, errors }: { detail: string; traceId: string; errors?: Fault[] | undefined },
): Problem {
  const { status, title } = table[code];
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

interface ProblemDetails {
  detail: string;
  errors?: Fault[];
  headers?: Record<string, string>;
}

/** The first fault, and how many there are: existing senders log only the beginning of an answer. */
export function detailOf(errors: readonly Fault[]): string {
  const [{ path, message } = { path: '', message: 'is not valid' }] = errors;
  const place = path === '' ? '' : `${path}: `;
  return `${place}${message}; 1 of ${errors.length} ${errors.length === 1 ? 'fault' : 'faults'}`;
}

/**
 * A refusal that a route decides on. The client sees its detail and errors. A code of a service's own table needs the
 * type parameter: `new ProblemError<ProblemCode>('not_yet', …)`.
 */
export class ProblemError<Code extends string = HttpProblemCode> extends Error {
  override readonly name = 'ProblemError';
  readonly code: Code;
  readonly errors: Fault[] | undefined;
  readonly headers: Record<string, string>;

  constructor(code: NoInfer<Code>, { detail, errors, headers = {} }: ProblemDetails) {
    super(detail);
    this.code = code;
    this.errors = errors;
    this.headers = headers;
  }
}

/** `Retry-After` of a 503. Outages are short here, so it is short. */
export const RETRY_AFTER_SECONDS = '2';

export function unavailable(detail: string): ProblemError {
  return new ProblemError('unavailable', {
    detail,
    headers: { 'retry-after': RETRY_AFTER_SECONDS },
  });
}

/** A 400 that names every fault. */
export function invalid(errors: Fault[]): ProblemError {
  return new ProblemError('invalid', { detail: detailOf(errors), errors });
}

export function notFound(detail: string): ProblemError {
  return new ProblemError('not_found', { detail });
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((path) => ({ path, message: 'is not known here' }));
  }
  return [{ path: issue.path.join('.'), message: issue.message }];
}

/** Checks a query or a body against a schema, and names every fault in a 400. */
export function parseOrRefuse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.flatMap(faultsOf));
}

const UNAVAILABLE: Record<AppErrorCode, string | undefined> = {
  redis_unavailable: 'Redis is away.',
  postgres_unavailable: 'Postgres is away.',
  postgres_busy: 'Postgres is too busy.',
  lost_race: undefined, // only a caller of resolveIn gets it
  not_tried: undefined, // only the resolver postpones
  neo4j_unavailable: undefined, // no request waits for the graph
  unexpected: undefined,
};

/** Fastify's own refusals. Each 4xx without a line of its own is a request that is not valid. */
function frameworkProblem(status: number): ProblemError | undefined {
  if (status === 413) return new ProblemError('too_large', { detail: 'At most 256 KiB.' });
  if (status === 415) {
    return new ProblemError('unsupported_media_type', { detail: 'Send application/json.' });
  }
  if (status < 400 || status >= 500) return undefined;
  return new ProblemError('invalid', { detail: 'The request cannot be read.' });
}

/** Undefined for an error that no code expects. */
function problemFor(error: unknown): ProblemError<string> | undefined {
  if (error instanceof ProblemError) return error;
  if (error instanceof AppError) {
    const detail = UNAVAILABLE[error.code];
    return detail === undefined ? undefined : unavailable(detail);
  }
  if (error instanceof TimeoutError) return unavailable('A database did not answer in time.');
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? frameworkProblem(status) : undefined;
}

const internal = () =>
  new ProblemError('internal', { detail: 'The cause is in the log of the service.' });

interface ErrorDeps {
  logger: Pick<Logger, 'error'>;
  problems: ProblemTable;
}

/** Turns every error of every route into an answer. The cause of a 5xx is logged and not shown. */
export function createErrorHandler({ logger, problems }: ErrorDeps) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const known = problemFor(error);
    const { code, message: detail, errors, headers } = known ?? internal();
    const traceId = traceIdOf(request);
    const body = problemOf(problems, code, { detail, traceId, errors });
    if (body.status >= 500 && error !== known) {
      logger.error({ err: error, trace_id: traceId }, 'request.failed');
    }
    notesOf(request).code = code;
    // As text: Fastify must neither reorder the fields nor look for a serializer.
    return reply
      .code(body.status)
      .headers(headers)
      .type(PROBLEM_TYPE)
      .serializer(String)
      .send(JSON.stringify(body));
  };
}

const SOCKET_REFUSALS: Record<string, [status: number, phrase: string, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large', 'The headers are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request did not come in time.'],
};
const MALFORMED: [number, string, string] = [400, 'Bad Request', 'This is not an HTTP request.'];

/** Answers bytes that did not become a request: there is only the socket to answer on. */
export function createSocketRefusal(problems: ProblemTable) {
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const [status, phrase, detail] = SOCKET_REFUSALS[error.code ?? ''] ?? MALFORMED;
    const problem = { ...problemOf(problems, 'invalid', { detail, traceId: uuidv7() }), status };
    const body = JSON.stringify(problem);
    const head = [
      `HTTP/1.1 ${status} ${phrase}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  };
}
