import { uuidv7 } from '@contour/contract';
import { createReplay, type ReplayDeps } from '@contour/queue';
import type { Logger, NamedKey, Tracer } from '@contour/runtime';
import Fastify, { type FastifyInstance } from 'fastify';
import { logRequests } from './access-log.ts';
import type { BackPressure } from './back-pressure.ts';
import { refuseOnSocket } from './client-error.ts';
import { drainOnClose } from './draining.ts';
import { createHealth, type Probes } from './health.ts';
import { createIntake, type IntakeDeps } from './intake.ts';
import { takeJsonBodies } from './json-body.ts';
import { createGuards } from './keys.ts';
import type { ApiMetrics } from './metrics/create-api-metrics.ts';
import { metricsRoute } from './metrics/metrics-route.ts';
import { createErrorHandler } from './problems.ts';
import { createRateLimit } from './rate-limit.ts';
import { type BoardDeps, boardRoutes } from './routes/board.ts';
import { type DlqRouteDeps, dlqRoutes } from './routes/dlq.ts';
import { answerTheRest } from './routes/fallbacks.ts';
import { healthRoutes } from './routes/health.ts';
import { type MessageRouteDeps, messageRoutes } from './routes/messages.ts';
import { referenceRoutes } from './routes/reference.ts';
import { type ResolveRouteDeps, resolveRoute } from './routes/resolve.ts';

const BODY_LIMIT = 256 * 1024;
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 20_000;
// Longer than what stands in front keeps its side open: it must be the one to hang up.
const KEEP_ALIVE_MS = 72_000;

export interface AppDeps extends Omit<IntakeDeps, 'logger'>, Omit<MessageRouteDeps, 'guards'> {
  logger: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  tracer?: Tracer | undefined;
  apiKeys: NamedKey[];
  adminKeys: NamedKey[];
  rateLimit: number;
  backPressure: Pick<BackPressure, 'check'>;
  limitWaiting: ResolveRouteDeps['limitWaiting'];
  addJobs: ReplayDeps['addJobs'];
  waitForRoom: ReplayDeps['waitForRoom'];
  dlq: MessageRouteDeps['dlq'] & DlqRouteDeps['dlq'];
  probes: Probes;
  metrics: ApiMetrics;
  boardQueues: BoardDeps['queues'];
}

function createServer({ logger }: AppDeps): FastifyInstance {
  const handleError = createErrorHandler({ logger });
  const app = Fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_WITHIN_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    genReqId: () => uuidv7(),
    // As much as a request line may have: an id that nobody has is a 404, however long it is.
    routerOptions: { maxParamLength: 16 * 1024 },
    trustProxy: false,
    // Its own refusal would not be a problem document; drainOnClose says the same as one.
    return503OnClosing: false,
    clientErrorHandler: refuseOnSocket,
    frameworkErrors: (error, request, reply) => void handleError(error, request, reply),
  });
  app.server.headersTimeout = HEADERS_WITHIN_MS;
  app.setErrorHandler(handleError);
  return app;
}

/** Builds the whole service from what it needs; it neither listens nor opens a connection. */
export function buildApp(deps: AppDeps): FastifyInstance {
  const app = createServer(deps);
  const guards = createGuards(deps);
  logRequests(app, deps.logger);
  drainOnClose(app, deps.probes.isLeaving);
  takeJsonBodies(app);
  answerTheRest(app);
  healthRoutes(app, createHealth(deps.probes));
  resolveRoute(app, {
    guard: guards.api,
    limitRate: createRateLimit(deps.rateLimit),
    backPressure: deps.backPressure,
    limitWaiting: deps.limitWaiting,
    takeIn: createIntake(deps),
    countAnswer: deps.metrics.countAnswer,
    tracer: deps.tracer,
  });
  messageRoutes(app, { ...deps, guards });
  dlqRoutes(app, { guard: guards.admin, dlq: deps.dlq, replay: createReplay(deps) });
  metricsRoute(app, { guard: guards.admin, metrics: deps.metrics });
  referenceRoutes(app);
  boardRoutes(app, { guard: guards.adminInBrowser, queues: deps.boardQueues });
  return app;
}
