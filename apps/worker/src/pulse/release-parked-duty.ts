import { createCounter, type Logger } from '@contour/runtime';
import type { Pool } from '@contour/store';
import type { Registry } from 'prom-client';
import type { Dlq } from '../dlq/create-dlq.ts';
import type { Resolver } from '../resolve/create-resolver.ts';
import type { Duty } from './create-pulse.ts';
import { createRelease } from './release-parked.ts';

/** In beats of a second. */
const EVERY = 2;

export function releaseParkedDuty(deps: {
  registry: Registry;
  dlq: Pick<Dlq, 'park'>;
  pool: Pool;
  resolveAll: Resolver['resolveAll'];
  id: string;
  stopping: AbortSignal;
  logger: Logger;
}): Duty {
  const released = createCounter(deps.registry, {
    name: 'contour_dlq_released_total',
    help: 'Entries that went in by themselves once their account was there, or switched on.',
  })();
  const run = createRelease({ ...deps, onReleased: (count) => released.inc(count) });
  return { name: 'release-parked', every: EVERY, run };
}
