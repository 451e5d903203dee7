import type { Core, PushResult } from '@contour/core';
import type { Logger, Tracer } from '@contour/runtime';
import type { Attempt, Lane, PendingMessage, Settlement } from '@contour/store';
import type { DeliveryMetrics } from '../metrics/delivery-metrics.ts';
import { concludeFailure, type Failure, type FailureDeps } from './conclude-failure.ts';
import type { Settle } from './create-settler.ts';
import { pushTraced } from './push-traced.ts';

export interface DialogDeps extends FailureDeps {
  core: Pick<Core, 'push'>;
  settle: Settle;
  logger: Logger;
  metrics: Pick<DeliveryMetrics, 'delivered' | 'retried' | 'dead'>;
  tracer: Tracer | undefined;
  /** True once this run must not touch its dialogs any more. */
  mustStop: () => boolean;
}

/** `held`: a circuit is open. `left`: the lane stays as it is, for the next run. */
export type DialogEnd = 'worked_off' | 'postponed' | 'held' | 'left';

type Step = 'next' | Exclude<DialogEnd, 'worked_off'>;

type Answered = Exclude<PushResult, { outcome: 'held' | 'aborted' }>;

function attemptOf(
  message: PendingMessage,
  status: Attempt['status'],
  error: Attempt['error'] = null,
): Attempt {
  const { tenantId, messageId, attempts: earlier } = message;
  return { tenantId, messageId, earlier, status, error };
}

function failureOf(result: Exclude<Answered, { outcome: 'delivered' | 'postponed' }>): Failure {
  return {
    code: result.code,
    sentence: result.detail ?? `Core answered ${result.code}`,
    mayRetry: result.outcome === 'retry',
    retryAfterMs: result.outcome === 'retry' ? result.retryAfterMs : undefined,
  };
}

/** One wide line per attempt, under the names that the contract has for these ids. */
function logAttempt(logger: Logger, message: PendingMessage, result: Answered): void {
  logger.info(
    {
      tenant_id: message.tenantId,
      dialog_id: message.dialogId,
      message_id: message.messageId,
      trace_id: message.traceId,
      seq: message.seq,
      attempt: message.attempts + 1,
      outcome: result.outcome,
      code: result.outcome === 'delivered' ? undefined : result.code,
      ms: Math.round(result.ms),
    },
    'delivery.attempted',
  );
}

/** Delivers a lane's messages one after another; the first that has to wait stops the ones behind it. */
export async function deliverDialog(
  deps: DialogDeps,
  lane: Lane,
  messages: readonly PendingMessage[],
  hasMore: boolean,
): Promise<DialogEnd> {
  const { core, logger, metrics, mustStop } = deps;
  const settle = (part: Partial<Settlement>, how?: { mayWait: boolean }) =>
    deps.settle({ ...part, dialogId: lane.dialogId }, how);
  const marks: Promise<void>[] = [];
  // Awaited at the end; until then a failure must not count as one that nobody handles.
  const mark: (...what: Parameters<typeof settle>) => void = (...what) => {
    const marked = settle(...what);
    marked.catch(() => undefined);
    marks.push(marked);
  };

  const push = async (message: PendingMessage, emptied: Lane[], isLast: boolean): Promise<Step> => {
    const result = await pushTraced(core, deps.tracer, message);
    if (result.outcome === 'held') return 'held';
    if (result.outcome === 'aborted') return 'left';
    logAttempt(logger, message, result);
    if (result.outcome === 'delivered') {
      metrics.delivered(message);
      mark(
        { attempts: [attemptOf(message, 'delivered')], emptied },
        { mayWait: !isLast && !mustStop() },
      );
      return 'next';
    }
    if (result.outcome === 'postponed') {
      // No attempt is counted and the last error stays, because a later dead-letter entry shows these two.
      await settle({ postponed: [{ lane, delayMs: result.delayMs }] });
      return 'postponed';
    }
    const error = { code: result.code, ms: result.ms };
    const conclusion = concludeFailure(deps, message, failureOf(result));
    if (conclusion.kind === 'later') {
      metrics.retried(message, result.code);
      const postponed = [{ lane, delayMs: conclusion.delayMs }];
      await settle({ attempts: [attemptOf(message, 'pending', error)], postponed });
      return 'postponed';
    }
    const { death } = conclusion;
    metrics.dead(message, death.reason);
    mark({ attempts: [{ ...attemptOf(message, 'dead', error), death }], emptied });
    return 'next';
  };

  const deliver = (message: PendingMessage, isLast: boolean): Promise<Step> => {
    // The lane goes in the same statement as the mark of its last message.
    const emptied = isLast && !hasMore ? [lane] : [];
    return push(message, emptied, isLast);
  };

  try {
    if (messages.length === 0) mark({ emptied: [lane] });
    for (const [index, message] of messages.entries()) {
      if (mustStop()) return 'left';
      const step = await deliver(message, index === messages.length - 1);
      if (step !== 'next') return step;
    }
    return 'worked_off';
  } finally {
    // The dialog stays in hand until its marks are committed: taken earlier it would be sent again.
    await Promise.all(marks);
  }
}
