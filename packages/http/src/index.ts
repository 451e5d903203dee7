export type {
  FastifyInstance as HttpApp,
  FastifyReply as HttpReply,
  FastifyRequest as HttpRequest,
} from 'fastify';
export { createHttpApp, listen } from './app.ts';
export { docsRoutes } from './docs.ts';
export { createDeparture, type Departure } from './drain.ts';
export { createGuards, type Guard, type Guards } from './keys.ts';
export { mountApart } from './mount-apart.ts';
export { header, type ReferenceOptions } from './openapi.ts';
export {
  documented,
  json,
  jsonBody,
  named,
  OPERATORS,
  type Operation,
  problems,
  SENDERS,
  shared,
  text,
} from './operation.ts';
export type { Exposition } from './probe-server.ts';
export {
  notFound,
  type Problem,
  ProblemError,
  problemOf,
  RETRY_AFTER_SECONDS,
  unavailable,
} from './problems.ts';
export { createRateLimit } from './rate-limit.ts';
export { parseOrRefuse } from './read-request.ts';
export { notesOf, noteTraceId } from './request-log.ts';
export { createRequestTrace, type RequestTrace } from './request-trace.ts';
export { healthRoutes, metricsRoute, type Probe, type Supervised } from './supervision.ts';
