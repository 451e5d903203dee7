import { observers } from '../src/observers.ts';

/** A logger that writes nothing. */
export const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
} as never;

/** An observer without subscribers. */
export const uncounted = observers();
