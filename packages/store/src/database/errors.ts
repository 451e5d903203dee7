import { AppError } from '@contour/contract';

// Each has a digit. EPIPE, which comes from the connection, has none.
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;

/** The SQLSTATE with which the server refused; empty if no server answered. */
export function sqlState(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code === 'string' && SQLSTATE.test(code)) return code;
  return error instanceof AppError ? sqlState(error.cause) : '';
}

// A deadlock, a serialisation failure, and two ways to lose a race: a new start finds the winner's rows.
const LOST_RACE = new Set(['40P01', '40001', '23505', '23503']);

/** What this transaction has read no longer holds. The caller rolls back and starts again. */
export const lostRace = (message: string, cause?: unknown): AppError =>
  new AppError('lost_race', message, cause);

export const isLostRace = (error: unknown): boolean =>
  (error instanceof AppError && error.code === 'lost_race') ||
  (LOST_RACE.has(sqlState(error)) && !isGivenUp(error));

/** A race that was lost ten times. Its cause still has the SQLSTATE of the last one. */
const isGivenUp = (error: unknown): boolean =>
  error instanceof AppError && error.code === 'unexpected' && error.cause instanceof AppError;

/** A failure that has another reason than the server. */
export const unexpected = (message: string): AppError =>
  new AppError('unexpected', message, undefined);

/**
 * The data itself is at fault (classes 22, 23), or breaks a limit (54): no retry will help. A race that was given up is
 * none of these: it may be won later.
 */
export const isDataError = (error: unknown): boolean =>
  /^(22|23|54)/.test(sqlState(error)) && !LOST_RACE.has(sqlState(error));

/*
 * The SQLSTATEs of a server that can do no work at all, for an unknown time. The list is closed: every other SQLSTATE is
 * about the work, and the work of other tenants continues.
 *
 * | 08           | the connection failed                                 |
 * | 28, 3D       | the login, or the database, is not there              |
 * | 53           | out of connections, memory or disk                    |
 * | 57P          | shut down, starting, or the database was dropped      |
 * | 58           | the disk or the operating system failed               |
 * | 25006        | read-only: a standby, or a primary that was demoted   |
 * | 42P01, 42703 | a table or a column is missing: not migrated          |
 */
const AWAY = /^(08|28|3D|53|57P|58|25006|42P01|42703)/;

/** A lock was not free in time (lock_timeout), or the statement took too long (statement_timeout). */
const BUSY = new Set(['55P03', '57014']);

// Errors of our own code. Any other error without a SQLSTATE comes from the connection to the server.
const isBug = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

/** If the server's name has several addresses and none answers, the messages are in the errors inside. */
function reasonOf(error: unknown): string {
  const parts = error instanceof AggregateError ? error.errors : [error];
  return parts.map((part) => (part instanceof Error ? part.message : String(part))).join('; ');
}

/**
 * Converts any failure to an AppError. A caller may wait for an absent server, and may repeat this work later on a busy
 * one. Any other failure is about the work itself.
 */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = reasonOf(error);
  const state = sqlState(error);
  if (state === '' ? !isBug(error) : AWAY.test(state)) {
    return new AppError('postgres_unavailable', `Postgres is away: ${reason}`, error);
  }
  if (BUSY.has(state)) {
    return new AppError('postgres_busy', `Postgres was too busy for it: ${reason}`, error);
  }
  return new AppError('unexpected', `Postgres could not do it: ${reason}`, error);
}

const MAX_STARTS = 10;

/** Starts the work again after each lost race. A race that is lost ten times has another cause, and counts as a bug. */
export async function restarting<T>(work: () => Promise<T>): Promise<T> {
  for (let start = 1; ; start += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isLostRace(error)) throw error;
      if (start === MAX_STARTS) throw new AppError('unexpected', reasonOf(error), error);
    }
  }
}
