import { within } from '@contour/runtime';
import { Gauge, type Registry } from 'prom-client';

/** No scrape waits longer for a server. A value that did not come by then is left out. */
const LOOK_WITHIN_MS = 2000;

/** Asks a server at a scrape, and shows the answer. Never rejects. */
export type Look = () => Promise<void>;

/**
 * Asks, and shows the answer, or `undefined` if it does not come in time. Scrapes share the question that is under
 * way, however late its answer is: a server in trouble is not asked more often.
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

export type CreateGauge = (name: string, help: string, ...labelNames: string[]) => Gauge;

export const gaugesOf =
  (registry: Registry): CreateGauge =>
  (name, help, ...labelNames) =>
    new Gauge({ name, help, labelNames, registers: [registry] });

/** Shows the one value of a gauge. Without a value it shows nothing, because 0 would be wrong. */
export function showOne(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}
