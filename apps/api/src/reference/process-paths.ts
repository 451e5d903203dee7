import { json, OPEN, OPERATORS, type Operation, type PathItem, text } from './parts.ts';
import { shared } from './shared-answers.ts';

const PROBE: Pick<Operation, 'tags' | 'security'> = { tags: ['Supervision'], security: OPEN };
const allHere = { postgres: true, neo4j: true, redis: true, workers: 2 };
const unchanged = { description: 'As it was (`If-None-Match`).' };

export const healthPath: PathItem = {
  get: {
    operationId: 'getHealth',
    summary: 'Whether everything is there',
    description: 'Real pings, none of them waited for longer than two seconds.',
    ...PROBE,
    responses: {
      200: json('It works.', 'Health', {
        ok: { status: 'ok', ...allHere },
        degraded: { status: 'degraded', ...allHere, workers: 0 },
      }),
      503: json('Postgres or Redis is away.', 'Health', {
        unavailable: { status: 'unavailable', ...allHere, redis: false, workers: 0 },
      }),
    },
  },
};

export const livezPath: PathItem = {
  get: {
    operationId: 'getLiveness',
    summary: 'Whether this process lives',
    ...PROBE,
    responses: { 200: json('It does.', 'Liveness', { ok: { status: 'ok' } }) },
  },
};

export const readyzPath: PathItem = {
  get: {
    operationId: 'getReadiness',
    summary: 'Whether requests may be sent here',
    ...PROBE,
    responses: {
      200: json('They may.', 'Readiness', {
        ready: { status: 'ready', reasons: [], warnings: [] },
      }),
      503: json(
        'They may not: a dependency is away, migrations are missing, or Redis may evict.',
        'Readiness',
        {
          unready: { status: 'unready', reasons: ['Redis is away'], warnings: [] },
        },
      ),
    },
  },
};

export const metricsPath: PathItem = {
  get: {
    operationId: 'getMetrics',
    summary: 'Metrics for Prometheus',
    tags: ['Supervision'],
    security: OPERATORS,
    responses: {
      200: text(
        'text/plain',
        'The text format of Prometheus.',
        '# TYPE contour_backlog_limit gauge\ncontour_backlog_limit 100000\n',
      ),
      401: shared('NoAdminKey'),
      500: shared('Internal'),
    },
  },
};

export const openapiPath: PathItem = {
  get: {
    operationId: 'getReference',
    summary: 'This reference, for programs',
    tags: ['Reference'],
    security: OPEN,
    responses: {
      200: {
        description: 'OpenAPI 3.1.',
        headers: { ETag: { $ref: '#/components/headers/ETag' } },
        content: {
          'application/json': { schema: { type: 'object' }, example: { openapi: '3.1.1' } },
        },
      },
      304: unchanged,
    },
  },
};

export const docsPath: PathItem = {
  get: {
    operationId: 'getDocs',
    summary: 'This reference, for people',
    tags: ['Reference'],
    security: OPEN,
    responses: {
      200: text('text/html', 'A page that loads nothing from elsewhere.', '<!doctype html>', [
        'ETag',
      ]),
      304: unchanged,
    },
  },
};
