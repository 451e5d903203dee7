import { AppError } from '@contour/contract';
import { expect, it } from 'vitest';
import {
  asAppError,
  isDataError,
  isLostRace,
  lostRace,
  restarting,
} from '../src/database/errors.ts';

const saying = (code: string) => Object.assign(new Error('no'), { code });

it.each([
  ...['08006', '28P01', '3D000', '53300', '57P01', '57P03', '58030', '25006', '42P01', '42703'].map(
    (code) => [code, saying(code), 'postgres_unavailable'] as const,
  ),
  ...['55P03', '57014'].map((code) => [code, saying(code), 'postgres_busy'] as const),
  ...['P0001', '42501', '22001', '23514', '40P01', '0A000', '42601', 'XX000'].map(
    (code) => [code, saying(code), 'unexpected'] as const,
  ),
  ['a cut connection', saying('ECONNRESET'), 'postgres_unavailable'],
  ['a write to a closed connection', saying('EPIPE'), 'postgres_unavailable'],
  ['a time-out of the client', new Error('Query read timeout'), 'postgres_unavailable'],
  ['a bug', new TypeError('undefined is not a function'), 'unexpected'],
] as const)('%s gets the code that callers expect', (_, error, code) => {
  expect(asAppError(error).code).toBe(code);
});

it('gives the reason of each address of a server that is away', () => {
  const error = new AggregateError([new Error('::1 refused'), new Error('127.0.0.1 refused')]);
  expect(asAppError(error).message).toBe('Postgres is away: ::1 refused; 127.0.0.1 refused');
});

it('keeps an AppError as it is', () => {
  const known = new AppError('postgres_busy', 'busy', undefined);
  expect(asAppError(known)).toBe(known);
});

it('recognises lost races and data errors inside an AppError', () => {
  for (const code of ['40P01', '40001', '23505', '23503']) {
    expect(isLostRace(asAppError(saying(code)))).toBe(true);
    expect(isDataError(asAppError(saying(code)))).toBe(false);
  }
  for (const code of ['22001', '23514', '54000']) {
    expect(isLostRace(asAppError(saying(code)))).toBe(false);
    expect(isDataError(asAppError(saying(code)))).toBe(true);
  }
  expect(isLostRace(lostRace('again'))).toBe(true);
});

it('starts work again after a lost race, and not after another failure', async () => {
  let starts = 0;
  const work = async () => {
    starts += 1;
    if (starts === 1) throw lostRace('again');
    if (starts === 2) throw saying('40P01');
    return 'done';
  };
  expect(await restarting(work)).toBe('done');
  expect(starts).toBe(3);
  await expect(restarting(() => Promise.reject(saying('P0001')))).rejects.toMatchObject({
    code: 'P0001',
  });
});

it('counts a race that is lost ten times as a bug', async () => {
  let starts = 0;
  const losing = async () => {
    starts += 1;
    throw lostRace('again');
  };
  const error = await restarting(losing).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'unexpected', message: 'again' });
  expect(isLostRace(error)).toBe(false);
  expect(starts).toBe(10);
});

it('does not count a race that was given up as an error of the data', async () => {
  const losing = () => Promise.reject(asAppError(saying('23505')));
  const error = await restarting(losing).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'unexpected' });
  expect(isDataError(error)).toBe(false);
  expect(isLostRace(error)).toBe(false);
});
