import type { IncomingMessage, Reply } from '@contour/contract';
import { createResolveConsumer } from '@contour/queue/jobs';
import type { Producer } from '@contour/queue/producer';
import { createBatcher, createWatchdog } from '@contour/runtime';
import { ping } from '@contour/store/database';
import { reviveMessage } from '@contour/store/messages';
import { findTenants } from '@contour/store/resolve';
import { createHeldMessages } from '../failures.ts';
import { releaseParkedDuty } from '../duties/release-parked.ts';
import { writeLater } from '../hints.ts';
import { handleResolveJob, parkGivenUp } from '../resolve/handle-job.ts';
import { replacedData, sealJob } from '../resolve/read-job.ts';
import type { Role, WorkerParts } from '../worker-parts.ts';

/** Counts of waiting messages may lag by this much, so that many are written at once. */
const FORGET_WITHIN_MS = 50;
/** In seconds. */
const GIVEN_UP_EVERY = 5;
const WATCHDOG = { intervalMs: 5_000, stuckAfterMs: 60_000 };

type Names = 'id' | 'env' | 'redis' | 'pool' | 'producer' | 'resolver' | 'dlq' | 'forgetQueued';

interface ResolveRoleDeps
  extends Pick<WorkerParts, Names | 'calls' | 'registry' | 'stopping' | 'logger'> {
  /** Called once if jobs wait and none ends for a long time. */
  onStuck: () => void;
}

/** Resolves the messages of the queue `resolve`, and releases parked ones. Next: `resolve/handle-job.ts`. */
export function openResolveRole(deps: ResolveRoleDeps): Role {
  const { id, env, redis, pool, producer, resolver, dlq, registry, stopping, logger } = deps;
  const jobDeps = {
    resolve: resolver.resolve,
    dlq,
    revive: createRevive(deps),
    ownerOf: async (message: IncomingMessage) => {
      const tenants = await findTenants(pool, [message]);
      return tenants.get(message)?.tenantId ?? null;
    },
    reply: createReply(producer),
    held: createHeldMessages(),
    forgetQueued: deps.forgetQueued,
    // A count that stays too high is later cut to the length of the queue.
    countDownWaiting: writeLater(producer.countDownWaiting, {
      withinMs: FORGET_WITHIN_MS,
      onFailure: (err) => logger.debug({ err }, 'waiting_count.stays'),
    }),
    logger,
  };
  let postponed = 0;
  const consumer = createResolveConsumer({
    ...redis,
    concurrency: env.RESOLVE_CONCURRENCY,
    seal: (job) => sealJob(job.data, new Date(job.timestampMs)),
    handle: async (job) => {
      const end = await handleResolveJob(jobDeps, job);
      if (end !== 'done') postponed += 1;
      return end;
    },
    giveUp: (job, { message }) => parkGivenUp(dlq, { ...job, failedReason: message }),
    unsealed: replacedData,
  });
  const watchdog = createWatchdog({
    ...WATCHDOG,
    // A worker that postpones messages because of locks is not stuck.
    completed: () => consumer.completed() + postponed,
    isWorkWaiting: async () => {
      await ping(pool);
      return producer.isWorkWaiting();
    },
    onStuck: () => {
      logger.fatal({ stuckAfterMs: WATCHDOG.stuckAfterMs }, 'process.stuck');
      deps.onStuck();
    },
  });
  const givenUp = {
    name: 'given-up',
    every: GIVEN_UP_EVERY,
    run: async () => void (await producer.collectGivenUp((job) => parkGivenUp(dlq, job))),
  };
  const release = () =>
    releaseParkedDuty({
      id,
      pool,
      dlq,
      registry,
      stopping,
      logger,
      resolveAll: resolver.resolveAll,
    });
  return {
    consumer,
    duties: env.RELEASE_PARKED ? [givenUp, release()] : [givenUp],
    close: () => watchdog.stop(),
  };
}

/** Makes a dead message due again. */
function createRevive({ pool, env, calls, dlq }: ResolveRoleDeps) {
  return async (message: { tenantId: string; messageId: string }) => {
    const revival = await reviveMessage(pool, message, env.DELIVER_SHARDS);
    if (revival.shard !== null) calls.call([revival.shard]);
    if (revival.hasLeft) dlq.noteReplayed();
    return revival;
  };
}

/** Publishes replies, many at once. Resolves with the number of processes that received the reply. */
function createReply({ publishReplies }: Pick<Producer, 'publishReplies'>) {
  const replies = createBatcher<{ to: string; reply: Reply }, number>({
    maxSize: 500,
    maxInFlight: 2,
    run: async (items) => {
      const heardBy = await publishReplies(items);
      return items.map(({ to }) => heardBy.get(to) ?? 0);
    },
  });
  return (to: string, reply: Reply) => replies.push({ to, reply });
}
