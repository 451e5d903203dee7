import { AppError } from '@contour/contract';
import { expect, it } from 'vitest';
import { LostRace } from '../src/lost-race.ts';
import { asAppError } from '../src/sql-error.ts';

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
  ['a time-out of the client', new Error('Query read timeout'), 'postgres_unavailable'],
  ['a bug', new TypeError('undefined is not a function'), 'unexpected'],
  ['a lost race', new LostRace('again'), 'unexpected'],
] as const)('%s is told as what it says of the server', (_, error, code) => {
  expect(asAppError(error).code).toBe(code);
});

it('keeps an AppError as it is', () => {
  const told = new AppError('postgres_busy', 'busy', undefined);
  expect(asAppError(told)).toBe(told);
});
