export type {
  FastifyInstance as HttpApp,
  FastifyReply as HttpReply,
  FastifyRequest as HttpRequest,
} from 'fastify';
export { createGuards, createRateLimit, type Guard, type Guards } from './admission.ts';
export { createDeparture, createHttpApp, listen } from './app.ts';
export { docsRoutes } from './docs.ts';
export { mountApart } from './mount-apart.ts';
export { createRequestTrace, notesOf, noteTraceId } from './observe-request.ts';
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
} from './operation.ts';
export {
  detailOf,
  invalid,
  notFound,
  type Problem,
  ProblemError,
  parseOrRefuse,
  problemOf,
  RETRY_AFTER_SECONDS,
  unavailable,
} from './problems.ts';
export { healthRoutes, metricsRoute, type Probe, type Supervised } from './supervision.ts';
