import { type Check, ok, warn } from './check.ts';

const TOLERATED_MS = 500;

/** Whether a server's clock and this machine's agree. */
export function checkClock(server: string, aheadMs: number): Check {
  const check = `${server} clock`;
  const apart = Math.abs(aheadMs);
  if (apart <= TOLERATED_MS) return ok(check, `${Math.round(apart)} ms apart from this one`);
  const side = aheadMs > 0 ? 'ahead of' : 'behind';
  const detail = `${(apart / 1000).toFixed(1)} s ${side} this one`;
  return warn(check, detail, 'let NTP set the clocks of all machines');
}
