import { UsageError } from './cli.ts';

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 366 * 86_400_000;

/** Reads 90s, 30m, 24h or 7d, and 0. */
export function readDuration(option: string, text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,9})([smhd])$|^0$/.exec(text) ?? [undefined, 'x'];
  const ms = Number(number) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms <= LONGEST_MS) return ms;
  throw new UsageError(`${option} is a time such as 90s, 30m, 24h or 7d, a year at most`);
}
