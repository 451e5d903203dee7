import type { Outcome, Reply, ResolveJob } from '@contour/contract';
import type { HttpApp } from '@contour/http';
import { onTestFinished } from 'vitest';
import { SEED_FIELDS } from '../../../test/support/messages.ts';
import { type AppDeps, buildApp } from '../src/app.ts';
import { createOpenWaits } from '../src/intake.ts';
import { createApiMetrics } from '../src/metrics/create-api-metrics.ts';

const nothing = async () => {};
const NO_METRICS: Parameters<typeof createApiMetrics>[0] = {
  pools: {},
  pings: {},
  maxBacklog: 1,
  backlog: async () => ({ waiting: 0, delayed: 0, active: 0, memoryUsed: 0, memoryLimit: 0 }),
  liveWorkers: async () => 0,
  queueFacts: async () => [],
  streamFacts: async () => [],
  laneFacts: async () => ({ due: 0, blocked: 0, oldestDueSeconds: 0 }),
  oldestSnapshots: async () => ({ inTime: null, inTransactions: null }),
  parkedFacts: async () => ({ byReason: [], unknownBytes: 0 }),
  mirrorBacklog: null,
};
const silent = { debug() {}, info() {}, warn() {}, error() {} };

export const NO_MESSAGES: AppDeps['messages'] = {
  story: async () => null,
  storiesOfTrace: async () => [],
  entry: async () => null,
  entriesOfTrace: async () => [],
  queued: async () => null,
};

/** The API without anything behind it. A test puts in what it needs. */
export function appBundle(overrides: Partial<AppDeps> = {}): HttpApp {
  const app = bareApp(overrides);
  onTestFinished(() => app.close());
  return app;
}

/** The same for use outside of a test. */
export function bareApp(overrides: Partial<AppDeps> = {}): HttpApp {
  return buildApp({
    logger: silent,
    tracer: undefined,
    apiKeys: [],
    adminKeys: [],
    rateLimit: 0,
    waitMs: 50,
    timezone: 'UTC',
    backPressure: { check() {} },
    limitWaiting() {},
    addJob: nothing,
    replies: { channel: 'replies', expect: async () => undefined, forget() {} },
    openWaits: createOpenWaits(),
    replay: async () => ({ matched: 0, replayed: 0 }),
    noteQueued: nothing,
    forgetQueued: nothing,
    findAnswer: async () => null,
    messages: NO_MESSAGES,
    dlq: {
      get: async () => null,
      list: async () => ({ count: 0, items: [], next: null }),
      matching: async function* () {},
      clear: async () => 0,
    },
    probes: {
      postgres: nothing,
      redis: nothing,
      neo4j: null,
      workers: async () => 2,
      pendingMigrations: async () => [],
      redisFacts: async () => ({ maxmemoryPolicy: 'noeviction', aof: true }),
    },
    isLeaving: () => false,
    boardQueues: [],
    metrics: createApiMetrics(NO_METRICS),
    ...overrides,
  });
}

/** A worker that decides every job at once. */
export function workerSaying(outcomeOf: (job: ResolveJob) => Outcome, parked = false) {
  const expected = new Map<string, (reply: Reply) => void>();
  return {
    addJob: async (job: ResolveJob) => {
      const requestId = job.reply?.requestId ?? '';
      expected.get(requestId)?.({ requestId, outcome: outcomeOf(job), parked });
    },
    replies: {
      channel: 'replies',
      expect: (requestId: string) =>
        new Promise<Reply | undefined>((resolve) => void expected.set(requestId, resolve)),
      forget: (requestId: string) => void expected.delete(requestId),
    },
    waiting: expected,
  };
}

export const receiptFor = ({ message }: ResolveJob) => ({
  tenantId: '0198c0de-0000-7000-8000-000000000001',
  clientId: '0198c0de-0000-7000-8000-000000000002',
  dialogId: '0198c0de-0000-7000-8000-000000000003',
  traceId: message.traceId,
  messageId: message.messageId,
});

export const seed = {
  channel: 'telegram',
  bot_token: 'demo-telegram-credential',
  ...SEED_FIELDS,
};
