import { within } from '@contour/runtime';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Guard } from './admission.ts';
import { documented, json, named, OPEN, OPERATORS, shared, text } from './operation.ts';
import type { Exposition } from './probe-server.ts';

const PROBE_WITHIN_MS = 2000;

/** A server that the service needs. */
export interface Probe {
  /** Its field in the answer of GET /health. */
  name: string;
  /** Its name in texts. */
  title: string;
  /** Whether the service is unavailable, and not only degraded, while it is away. */
  isRequired: boolean;
  /** Rejects while it is away. Null if none is configured. */
  ask: (() => Promise<void>) | null;
  /** Further conditions for GET /readyz, and the reason for the case that they cannot be checked. */
  fitness?: { check: () => Promise<Findings>; unknown: string };
}

/** Reasons refuse requests, warnings do not. */
export interface Findings {
  reasons: string[];
  warnings: string[];
}

/** A number in the answer of GET /health. The service is degraded while it is 0, or cannot be read. */
interface Count {
  name: string;
  read: () => Promise<number>;
  /** What 0 means: "no worker lives". */
  none: string;
}

export interface Supervised {
  probes: readonly Probe[];
  counts: readonly Count[];
  isLeaving: () => boolean;
}

/** Many requests at once share one call, so that they cannot use up the connections for probes. */
function shareCall<T>(call: () => Promise<T>, what: string): () => Promise<T | undefined> {
  let underWay: Promise<T | undefined> | undefined;
  return () => {
    underWay ??= within(PROBE_WITHIN_MS, call(), what)
      .catch(() => undefined)
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };
}

type Status = 'ok' | 'degraded' | 'unavailable';

const NOTHING_FOUND: Findings = { reasons: [], warnings: [] };

function findingsOf({ fitness, title }: Probe): () => Promise<Findings> {
  if (fitness === undefined) return async () => NOTHING_FOUND;
  const check = shareCall(fitness.check, title);
  return async () => (await check()) ?? { reasons: [fitness.unknown], warnings: [] };
}

/** Resolves to false while the server is away, and to null if none is configured. */
function presenceOf({ ask, title }: Probe): () => Promise<boolean | null> {
  if (ask === null) return async () => null;
  const answered = shareCall(() => ask().then(() => true), title);
  return async () => (await answered()) ?? false;
}

/** Calls every probe, side by side. No call is waited for longer than two seconds. */
export function createHealth({ probes, counts, isLeaving }: Supervised) {
  const asked = probes.map((probe) => ({
    ...probe,
    isThere: presenceOf(probe),
    findings: findingsOf(probe),
  }));
  const counted = counts.map(({ name, read }) => ({ name, read: shareCall(read, name) }));

  async function examine(probe: (typeof asked)[number]): Promise<Findings> {
    const [isThere, { reasons, warnings }] = await Promise.all([probe.isThere(), probe.findings()]);
    if (isThere !== false) return { reasons, warnings };
    const away = `${probe.title} is away`;
    if (probe.isRequired) return { reasons: [away], warnings };
    return { reasons: [], warnings: [...warnings, away] };
  }

  return {
    async health(): Promise<{ status: Status } & Record<string, boolean | number | string | null>> {
      const [there, numbers] = await Promise.all([
        Promise.all(asked.map((probe) => probe.isThere())),
        Promise.all(counted.map(async (count) => (await count.read()) ?? 0)),
      ]);
      const isUnavailable = asked.some((one, index) => one.isRequired && there[index] === false);
      const isDegraded = there.includes(false) || numbers.includes(0);
      return {
        status: isUnavailable ? 'unavailable' : isDegraded ? 'degraded' : 'ok',
        ...Object.fromEntries(asked.map(({ name }, index) => [name, there[index] ?? null])),
        ...Object.fromEntries(counted.map(({ name }, index) => [name, numbers[index] ?? 0])),
      };
    },

    async readiness(): Promise<{ status: 'ready' | 'unready' } & Findings> {
      const found = await Promise.all(asked.map(examine));
      const reasons = found.flatMap((one) => one.reasons);
      if (isLeaving()) reasons.unshift('This process is shutting down');
      const warnings = found.flatMap((one) => one.warnings);
      return { status: reasons.length === 0 ? 'ready' : 'unready', reasons, warnings };
    },
  };
}

const about = { tags: ['Supervision'], security: OPEN };
const liveness = named('Liveness', z.object({ status: z.literal('ok') }));
const readiness = named(
  'Readiness',
  z.object({
    status: z.enum(['ready', 'unready']),
    reasons: z.array(z.string()),
    warnings: z.array(z.string()),
  }),
);

function healthOperation({ probes, counts }: Supervised) {
  const required = probes.filter(({ isRequired }) => isRequired);
  const optional = probes.filter(({ isRequired }) => !isRequired);
  const degraded = [
    ...optional.map(({ title }) => `${title} is away`),
    ...counts.map(({ none }) => none),
  ].join(', or ');
  const unavailable = `${required.map(({ title }) => title).join(' or ')} is away.`;
  const fields = <P, C>(ofProbe: (probe: Probe) => P, ofCount: C) =>
    Object.fromEntries<P | C>([
      ...probes.map((probe): [string, P] => [probe.name, ofProbe(probe)]),
      ...counts.map(({ name }): [string, C] => [name, ofCount]),
    ]);
  const there = z.boolean();
  const health = named(
    'Health',
    z.object({
      status: z
        .enum(['ok', 'degraded', 'unavailable'])
        .describe(`degraded: ${degraded}. unavailable: ${unavailable}`),
      ...fields(
        ({ isRequired }) =>
          isRequired ? there : there.nullable().describe('null if none is configured'),
        z.int().min(0),
      ),
    }),
  );
  return documented({
    operationId: 'getHealth',
    summary: 'Whether every dependency answers',
    description: 'Real pings. No ping is waited for longer than two seconds.',
    ...about,
    responses: {
      200: json('It works.', health, {
        ok: { status: 'ok', ...fields(() => true, 2) },
        degraded: { status: 'degraded', ...fields(() => true, 0) },
      }),
      503: json(unavailable, health, {
        unavailable: { status: 'unavailable', ...fields((one) => one !== required.at(-1), 0) },
      }),
    },
  });
}

const livezOperation = documented({
  operationId: 'getLiveness',
  summary: 'Whether this process lives',
  ...about,
  responses: { 200: json('It does.', liveness, { ok: { status: 'ok' } }) },
});

const readyzOperation = (away: string) =>
  documented({
    operationId: 'getReadiness',
    summary: 'Whether requests may be sent here',
    ...about,
    responses: {
      200: json('They may.', readiness, {
        ready: { status: 'ready', reasons: [], warnings: [] },
      }),
      503: json('They may not. `reasons` says why.', readiness, {
        unready: { status: 'unready', reasons: [`${away} is away`], warnings: [] },
      }),
    },
  });

/** GET /health for people and dashboards, GET /livez and GET /readyz for supervisors. Open to all. */
export function healthRoutes(app: FastifyInstance, supervised: Supervised): void {
  const checks = createHealth(supervised);
  const example = supervised.probes.findLast(({ isRequired }) => isRequired)?.title ?? '';
  app.get('/livez', livezOperation, async () => ({ status: 'ok' }));
  app.get('/health', healthOperation(supervised), async (_request, reply) => {
    const health = await checks.health();
    return reply.code(health.status === 'unavailable' ? 503 : 200).send(health);
  });
  app.get('/readyz', readyzOperation(example), async (_request, reply) => {
    const answer = await checks.readiness();
    return reply.code(answer.status === 'ready' ? 200 : 503).send(answer);
  });
}

const metricsOperation = (example: string) =>
  documented({
    operationId: 'getMetrics',
    summary: 'Metrics for Prometheus',
    tags: ['Supervision'],
    security: OPERATORS,
    responses: {
      200: text('text/plain', 'The text format of Prometheus.', example),
      401: shared('NoAdminKey'),
      500: shared('Internal'),
    },
  });

interface MetricsRoute {
  guard: Guard;
  exposition: Exposition;
  /** Some lines of it, for the reference. */
  example: string;
}

/** GET /metrics, for Prometheus. */
export function metricsRoute(
  app: FastifyInstance,
  { guard, exposition, example }: MetricsRoute,
): void {
  app.get('/metrics', { onRequest: guard, ...metricsOperation(example) }, async (_request, reply) =>
    reply.type(exposition.contentType).send(await exposition.metrics()),
  );
}
