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

// Errors of our own code. Whatever else has no SQLSTATE comes from the way to the server.
const isBug = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

const isAway = (error: unknown): boolean => {
  const state = sqlState(error);
  if (state !== '') return AWAY.test(state);
  return !isBug(error) && !isLostRace(error);
};

/**
 * Converts any failure to an AppError. A caller may wait for an absent server, and may repeat this work later on a busy
 * one. Any other failure is about the work itself.
 */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isAway(error)) {
    return new AppError('postgres_unavailable', `Postgres is away: ${reason}`, error);
  }
  if (BUSY.has(sqlState(error))) {
    return new AppError('postgres_busy', `Postgres was too busy for it: ${reason}`, error);
  }
  return new AppError('unexpected', `Postgres could not do it: ${reason}`, error);
}
