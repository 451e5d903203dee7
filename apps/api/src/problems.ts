import { AppError, type AppErrorCode, problemOf } from '@contour/contract';
import { type Logger, TimeoutError } from '@contour/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError, unavailable } from './problem-error.ts';
import { notesOf, traceIdOf } from './request-notes.ts';

export const PROBLEM_TYPE = 'application/problem+json';

const UNAVAILABLE: Record<AppErrorCode, string | undefined> = {
  redis_unavailable: 'Redis is away.',
  postgres_unavailable: 'Postgres is away.',
  postgres_busy: 'Postgres is too busy.',
  lost_race: undefined, // only a caller of resolveIn sees it
  not_tried: undefined, // only the resolver postpones
  neo4j_unavailable: undefined, // nobody who asks over HTTP waits for the graph
  unexpected: undefined,
};

/** The framework's own refusals; any other of its 4xx is a request that is not valid. */
function frameworkProblem(status: number): ProblemError | undefined {
  if (status === 413) return new ProblemError('too_large', { detail: 'At most 256 KiB.' });
  if (status === 415) {
    return new ProblemError('unsupported_media_type', { detail: 'Send application/json.' });
  }
  if (status < 400 || status >= 500) return undefined;
  return new ProblemError('invalid', { detail: 'The request cannot be read.' });
}

/** The one place where an error becomes an answer; undefined is what nobody foresaw. */
function foreseen(error: unknown): ProblemError | undefined {
  if (error instanceof ProblemError) return error;
  if (error instanceof AppError) {
    const detail = UNAVAILABLE[error.code];
    return detail === undefined ? undefined : unavailable(detail);
  }
  if (error instanceof TimeoutError) return unavailable('A database did not answer in time.');
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? frameworkProblem(status) : undefined;
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: ProblemError) {
  const { code, message: detail, errors, headers } = problem;
  notesOf(request).code = code;
  const body = problemOf(code, {
    detail,
    traceId: traceIdOf(request),
    ...(errors === undefined ? {} : { errors }),
  });
  // As text: the framework must neither reorder it nor look for a serializer.
  return reply
    .code(body.status)
    .headers(headers)
    .type(PROBLEM_TYPE)
    .serializer(String)
    .send(JSON.stringify(body));
}

/** Answers every error of every route; the cause of a 5xx goes to the log and to nobody else. */
export function createErrorHandler({ logger }: { logger: Pick<Logger, 'error'> }) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const problem = foreseen(error);
    if (problem === undefined || (problem.statusCode >= 500 && error !== problem)) {
      logger.error({ err: error, trace_id: traceIdOf(request) }, 'request.failed');
    }
    const shown =
      problem ??
      new ProblemError('internal', { detail: 'The cause is in the log of the service.' });
    return sendProblem(request, reply, shown);
  };
}
