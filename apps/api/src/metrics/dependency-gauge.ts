import { Gauge, type Registry } from 'prom-client';
import { type Look, lookFor } from './look.ts';

/** Shows for each server that is configured whether it answers. */
export function dependencyGauge(
  registry: Registry,
  pings: Record<string, (() => Promise<void>) | null>,
): Look[] {
  const up = new Gauge({
    name: 'contour_dependency_up',
    help: '1 where a server that this process needs answered a ping within 2 s.',
    labelNames: ['dependency'],
    registers: [registry],
  });
  return Object.entries(pings).flatMap(([dependency, ping]) => {
    if (ping === null) return [];
    const show = (isUp: true | undefined) => up.set({ dependency }, isUp ? 1 : 0);
    return [lookFor(dependency, () => ping().then(() => true as const), show)];
  });
}
