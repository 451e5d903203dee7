import { createCounter, type Logger } from '@contour/runtime';
import type { Pool } from '@contour/store';
import type { Registry } from 'prom-client';
import type { Duty } from './create-pulse.ts';
import { removeOld } from './remove-old.ts';

/** In beats of a second. */
const EVERY = 5;

export function removeOldDuty(deps: {
  registry: Registry;
  pool: Pool;
  days: number;
  stopping: AbortSignal;
  logger: Logger;
}): Duty {
  const removed = createCounter(deps.registry, {
    name: 'contour_messages_removed_total',
    help: 'Delivered messages that were deleted because they were older than RETENTION_DAYS.',
  })();
  const onRemoved = (count: number) => removed.inc(count);
  return { name: 'remove-old', every: EVERY, run: () => removeOld({ ...deps, onRemoved }) };
}
