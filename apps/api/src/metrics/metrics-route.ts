import type { FastifyInstance } from 'fastify';
import type { Guard } from '../keys.ts';
import type { ApiMetrics } from './create-api-metrics.ts';

interface MetricsRouteDeps {
  guard: Guard;
  metrics: Pick<ApiMetrics, 'contentType' | 'scrape'>;
}

/** GET /metrics, for Prometheus. */
export function metricsRoute(app: FastifyInstance, { guard, metrics }: MetricsRouteDeps): void {
  app.get('/metrics', { onRequest: guard }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.scrape()),
  );
}
