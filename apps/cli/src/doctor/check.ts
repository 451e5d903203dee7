/** FAIL: it does not work like this. warn: it works, but needs attention. */
export type State = 'ok' | 'warn' | 'FAIL';

export interface Check {
  check: string;
  state: State;
  detail: string;
  /** What to do; null if nothing has to be done. */
  advice: string | null;
}

const concern = (state: State) => (check: string, detail: string, advice: string) => {
  return { check, state, detail, advice };
};

export const ok = (check: string, detail: string): Check => ({
  ...{ check, state: 'ok', detail, advice: null },
});
export const warn = concern('warn');
export const fail = concern('FAIL');

/** How long a server has to answer. */
export const LOOK_MS = 3_000;

const TOLERATED_MS = 500;

/** Compares a server's clock with this machine's. */
export function checkClock(server: string, aheadMs: number): Check {
  const check = `${server} clock`;
  const apart = Math.abs(aheadMs);
  if (apart <= TOLERATED_MS) return ok(check, `${Math.round(apart)} ms apart from this one`);
  const side = aheadMs > 0 ? 'ahead of' : 'behind';
  const detail = `${(apart / 1000).toFixed(1)} s ${side} this one`;
  return warn(check, detail, 'let NTP set the clocks of all machines');
}

/** Compares the first two numbers of a version such as 7.2.4, or 16.4 (Debian 16.4-1). */
export function isAtLeast(text: string, major: number, minor: number): boolean {
  const [, ownMajor = '0', ownMinor = '0'] = /^v?(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  const isSame = Number(ownMajor) === major;
  return Number(ownMajor) > major || (isSame && Number(ownMinor) >= minor);
}

/** The address of a server, without user and password. */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return 'set';
  const { protocol, host } = new URL(text);
  return `${protocol}//${host}`;
}
