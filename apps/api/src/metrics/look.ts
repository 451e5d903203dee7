import { within } from '@contour/runtime';
import type { Gauge } from 'prom-client';

/** No scrape waits longer for a server; what it has not said by then is left out this time. */
const LOOK_WITHIN_MS = 2000;

/** What is asked of a server at a scrape. Never rejects. */
export type Look = () => Promise<void>;

/**
 * Asks and shows the answer, or shows `undefined` where there is none in time. One question is under way
 * at a time, however many scrape and however late the answer: a server in need is not asked harder.
 */
export function lookFor<Facts>(
  what: string,
  ask: () => Promise<Facts>,
  show: (facts: Facts | undefined) => void,
): Look {
  let underWay: Promise<Facts> | undefined;
  return async () => {
    underWay ??= ask().finally(() => {
      underWay = undefined;
    });
    try {
      show(await within(LOOK_WITHIN_MS, underWay, what));
    } catch {
      show(undefined);
    }
  };
}

/** Shows the one value of a gauge, or nothing at all: 0 would be a lie. */
export function showOne(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}
