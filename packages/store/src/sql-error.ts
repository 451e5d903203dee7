import { AppError } from '@contour/contract';
import { LostRace } from './lost-race.ts';

/** The five characters in which a server says what went wrong; empty where no server said anything. */
export function sqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : '';
}

// A deadlock, a serialisation failure, and two ways to lose a race: starting over finds the winner.
const LOST_RACE = new Set(['40P01', '40001', '23505', '23503']);

export const isLostRace = (error: unknown): boolean =>
  error instanceof LostRace || LOST_RACE.has(sqlState(error));

/** The data itself is at fault (classes 22, 23), or breaks a limit (54): no retry will help. */
export const isDataError = (error: unknown): boolean =>
  /^(22|23|54)/.test(sqlState(error)) && !isLostRace(error);

// Errors of our own code. Whatever else has no SQLSTATE comes from the way to the server.
const isBug = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

/**
 * Whatever failed, in the form that other rooms understand. What a server says of itself (away, full,
 * read-only, not migrated) will pass, and may be waited for; a bug will not.
 */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isBug(error) || isDataError(error) || isLostRace(error)) {
    return new AppError('unexpected', `Postgres could not do it: ${reason}`, error);
  }
  return new AppError('postgres_unavailable', `Postgres is away: ${reason}`, error);
}
