import type { Consumer } from '@contour/queue';
import { Counter, type Registry } from 'prom-client';

/** Shows what this process's consumers have found in the hands of workers that are gone. */
export function watchStalled(
  registry: Registry,
  consumers: readonly Pick<Consumer, 'stalled'>[],
): void {
  new Counter({
    name: 'contour_stalled_total',
    help: 'Jobs whose worker was gone or stood still, which this one found and put back.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(consumers.reduce((sum, consumer) => sum + consumer.stalled(), 0));
    },
  });
}
