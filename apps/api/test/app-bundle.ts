import type { Outcome, Reply, ResolveJob } from '@contour/contract';
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import { type AppDeps, buildApp } from '../src/app.ts';
import { createApiMetrics } from '../src/metrics/create-api-metrics.ts';
import { createOpenWaits } from '../src/open-waits.ts';

const nothing = async () => {};
const NOTHING_TO_SEE: Parameters<typeof createApiMetrics>[0] = {
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

/** The API on what is declared beside its consumers, with nobody behind it; tests put in what they need. */
export function appBundle(overrides: Partial<AppDeps> = {}): FastifyInstance {
  const app = buildApp({
    logger: silent,
    apiKeys: [],
    adminKeys: [],
    rateLimit: 0,
    waitMs: 50,
    backPressure: { check() {} },
    limitWaiting() {},
    waitForRoom: nothing,
    addJob: nothing,
    addJobs: nothing,
    replies: { channel: 'replies', expect: async () => undefined, forget() {} },
    openWaits: createOpenWaits(),
    noteQueued: nothing,
    forgetQueued: nothing,
    findQueued: async () => null,
    findAnswer: async () => null,
    findStory: async () => null,
    findStoriesByTrace: async () => [],
    dlq: {
      get: async () => null,
      list: async () => ({ count: 0, items: [], next: null }),
      matching: async function* () {},
      clear: async () => 0,
      byTrace: async () => [],
    },
    probes: {
      postgres: nothing,
      redis: nothing,
      neo4j: null,
      workers: async () => 2,
      pendingMigrations: async () => [],
      redisFacts: async () => ({ maxmemoryPolicy: 'noeviction', aof: true }),
      isLeaving: () => false,
    },
    boardQueues: [],
    metrics: createApiMetrics(NOTHING_TO_SEE),
    ...overrides,
  });
  onTestFinished(() => app.close());
  return app;
}

/** A worker who decides every job at once. */
export function workerSaying(outcomeOf: (job: ResolveJob) => Outcome, parked = false) {
  const told = new Map<string, (reply: Reply) => void>();
  return {
    addJob: async (job: ResolveJob) => {
      const requestId = job.reply?.requestId ?? '';
      told.get(requestId)?.({ requestId, outcome: outcomeOf(job), parked });
    },
    replies: {
      channel: 'replies',
      expect: (requestId: string) =>
        new Promise<Reply | undefined>((resolve) => void told.set(requestId, resolve)),
      forget: (requestId: string) => void told.delete(requestId),
    },
    waiting: told,
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
  external_user_id: '987654321',
  external_chat_id: '123456789',
  client_name: 'Ivan Petrov',
  client_phone: '+79991234567',
  client_username: 'ivan_p',
  text: 'Merged message text',
  timestamp: '2024-12-10T10:00:15Z',
  message_ids: ['msg_1', 'msg_2', 'msg_3'],
  trace_id: 'trace_xyz789',
  media: {},
  meta: { batched: true, batch_size: 3, batch_reason: 'debounce' },
};
