/** FAIL: it does not work like this. warn: it works, and somebody should look at it. */
export type State = 'ok' | 'warn' | 'FAIL';

export interface Check {
  check: string;
  state: State;
  detail: string;
  /** What to do; null where nothing has to be done. */
  advice: string | null;
}

export const ok = (check: string, detail: string): Check => ({
  check,
  state: 'ok',
  detail,
  advice: null,
});

export const warn = (check: string, detail: string, advice: string): Check => ({
  check,
  state: 'warn',
  detail,
  advice,
});

export const fail = (check: string, detail: string, advice: string): Check => ({
  check,
  state: 'FAIL',
  detail,
  advice,
});
