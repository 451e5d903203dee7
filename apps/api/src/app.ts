import { PROBLEMS } from '@contour/contract';
import {
  createGuards,
  createHttpApp,
  createRateLimit,
  docsRoutes,
  type HttpApp,
  healthRoutes,
  metricsRoute,
  mountApart,
} from '@contour/http';
import type { Logger, NamedKey } from '@contour/runtime';
import type { ApiMetrics } from './metrics/create-api-metrics.ts';
import type { BoardQueue } from './open-board.ts';
import { type Probes, supervisedBy } from './probes.ts';
import { REFERENCE } from './reference/document.ts';
import { type DlqDeps, dlqRoutes } from './routes/dlq.ts';
import { type MessageDeps, messageRoutes } from './routes/messages.ts';
import { type ResolveDeps, resolveRoute } from './routes/resolve.ts';

const BOARD_PATH = '/admin/queues';

export interface AppDeps
  extends Omit<ResolveDeps, 'guard' | 'limitRate' | 'countAnswer' | 'logger'>,
    Omit<MessageDeps, 'guards'> {
  logger: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  apiKeys: NamedKey[];
  adminKeys: NamedKey[];
  rateLimit: number;
  replay: DlqDeps['replay'];
  dlq: DlqDeps['dlq'];
  probes: Probes;
  isLeaving: () => boolean;
  metrics: ApiMetrics;
  boardQueues: BoardQueue[];
}

/**
 * Builds the whole service from what it needs. It neither listens nor opens a connection.
 * An endpoint is a line here and a function in `routes/`: `app.get(path, { onRequest: guard, ...documented({…}) }, handler)`.
 */
export function buildApp(deps: AppDeps): HttpApp {
  const { logger, isLeaving, metrics, boardQueues } = deps;
  const app = createHttpApp({ logger, problems: PROBLEMS, isLeaving });
  const guards = createGuards(deps);
  docsRoutes(app, REFERENCE);
  resolveRoute(app, {
    ...deps,
    guard: guards.api,
    limitRate: createRateLimit(deps.rateLimit),
    countAnswer: metrics.countAnswer,
  });
  messageRoutes(app, { ...deps, guards });
  dlqRoutes(app, { guard: guards.admin, dlq: deps.dlq, replay: deps.replay });
  healthRoutes(app, supervisedBy(deps.probes, isLeaving));
  metricsRoute(app, {
    guard: guards.admin,
    exposition: { contentType: metrics.contentType, metrics: metrics.scrape },
    example: '# TYPE contour_backlog_limit gauge\ncontour_backlog_limit 100000\n',
  });
  mountApart(app, {
    path: BOARD_PATH,
    guard: guards.adminInBrowser,
    load: async () => (await import('./open-board.ts')).openBoard(BOARD_PATH, boardQueues),
  });
  return app;
}
