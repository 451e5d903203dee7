import type { FastifyInstance } from 'fastify';
import type { HealthChecks } from '../health.ts';

/** GET /health for people and dashboards, /livez and /readyz for the supervisor. Open to all. */
export function healthRoutes(app: FastifyInstance, checks: HealthChecks): void {
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/health', async (_request, reply) => {
    const health = await checks.health();
    return reply.code(health.status === 'unavailable' ? 503 : 200).send(health);
  });
  app.get('/readyz', async (_request, reply) => {
    const readiness = await checks.readiness();
    return reply.code(readiness.status === 'ready' ? 200 : 503).send(readiness);
  });
}
