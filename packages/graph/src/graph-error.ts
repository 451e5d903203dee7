import { AppError } from '@contour/contract';

function codeOf(error: unknown): string {
  const { code } = ((error instanceof AppError ? error.cause : error) ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** A deadlock, a lock that was not had in time: the same may well succeed at once. */
export const isTransient = (error: unknown): boolean =>
  codeOf(error).startsWith('Neo.TransientError.');

/**
 * The server refuses what was asked, and will again: a value that no index takes, say. Where it
 * refuses everybody (wrong password, read-only), that is as good as away.
 */
export const isRefusal = (error: unknown): boolean =>
  /^Neo\.(ClientError\.(Statement|Schema)|DatabaseError\.(Statement|Schema))\./.test(codeOf(error));

const isBug = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

/** An answer of the server, whatever it says: the way to it is in order. */
export const isAnswer = (error: unknown): boolean => codeOf(error).startsWith('Neo.');

/** Whatever failed, in the form that other rooms understand. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return isRefusal(error) || isBug(error)
    ? new AppError('unexpected', `Neo4j could not do it: ${reason}`, error)
    : new AppError('neo4j_unavailable', `Neo4j is away: ${reason}`, error);
}
