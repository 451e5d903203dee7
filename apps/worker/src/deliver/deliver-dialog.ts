import type { MessageObserver } from '@contour/contract';
import type { Core, PushResult } from '@contour/core';
import type { Logger, Tracer } from '@contour/runtime';
import type { Attempt, Death, Lane, PendingMessage, Settlement } from '@contour/store/lanes';
import type { Settle } from './settler.ts';

export interface DialogDeps {
  core: Pick<Core, 'push'>;
  settle: Settle;
  logger: Pick<Logger, 'info'>;
  observer: Pick<MessageObserver, 'answered' | 'delivered' | 'retried' | 'dead'>;
  tracer: Tracer | undefined;
  maxAttempts: number;
  retryDelayMs: (attempt: number, retryAfterMs?: number) => number;
  /** True as soon as this run must not touch its dialogs any more. */
  mustStop: () => boolean;
}

/** `held`: a circuit is open. `left`: the lane stays as it is, for the next run. */
export type DialogEnd = 'worked_off' | 'postponed' | 'held' | 'left';

type Answered = Exclude<PushResult, { outcome: 'held' | 'aborted' }>;

/**
 * Delivers the messages of a lane one after another. The first that has to wait stops the ones behind it. Next: `push` in
 * `packages/core`, which sends one message, and `settler.ts`, which writes the results.
 */
export async function deliverDialog(
  deps: DialogDeps,
  lane: Lane,
  messages: readonly PendingMessage[],
  hasMore: boolean,
): Promise<DialogEnd> {
  const { core, logger, observer, mustStop } = deps;
  const settle = (part: Partial<Settlement>, how?: { mayWait: boolean }) =>
    deps.settle({ ...part, dialogId: lane.dialogId }, how);
  const marks: Promise<void>[] = [];
  // Awaited at the end; without this handler a failure before that would be an unhandled rejection.
  const settleLater = (...what: Parameters<typeof settle>): void => {
    const marked = settle(...what);
    marked.catch(() => undefined);
    marks.push(marked);
  };

  /** Undefined if the next message may follow. */
  const push = async (message: PendingMessage, isLast: boolean): Promise<DialogEnd | undefined> => {
    // The lane is removed in the same statement in which its last message is marked.
    const emptied = isLast && !hasMore ? [lane] : [];
    const result = await pushTraced(core, deps.tracer, message);
    if (result.outcome === 'held') return 'held';
    if (result.outcome === 'aborted') return 'left';
    observer.answered(message, result);
    logAttempt(logger, message, result);
    if (result.outcome === 'delivered') {
      observer.delivered(message);
      settleLater(
        { attempts: [attemptOf(message, 'delivered')], emptied },
        { mayWait: !isLast && !mustStop() },
      );
      return undefined;
    }
    if (result.outcome === 'postponed') {
      // No attempt is counted and the last error stays, because a later dead-letter entry shows these two.
      await settle({ postponed: [{ lane, delayMs: result.delayMs }] });
      return 'postponed';
    }
    const error = { code: result.code, ms: result.ms };
    const end = concludeFailure(deps, message, result);
    if ('delayMs' in end) {
      observer.retried(message, result.code);
      const postponed = [{ lane, delayMs: end.delayMs }];
      await settle({ attempts: [attemptOf(message, 'pending', error)], postponed });
      return 'postponed';
    }
    observer.dead(message, end.reason);
    settleLater({ attempts: [{ ...attemptOf(message, 'dead', error), death: end }], emptied });
    return undefined;
  };

  try {
    if (messages.length === 0) settleLater({ emptied: [lane] });
    for (const [index, message] of messages.entries()) {
      if (mustStop()) return 'left';
      const end = await push(message, index === messages.length - 1);
      if (end !== undefined) return end;
    }
    return 'worked_off';
  } finally {
    // The dialog stays in hand until its marks are committed: taken earlier it would be sent again.
    await Promise.all(marks);
  }
}

function attemptOf(
  message: PendingMessage,
  status: Attempt['status'],
  error: Attempt['error'] = null,
): Attempt {
  const { tenantId, messageId, attempts: earlier } = message;
  return { tenantId, messageId, earlier, status, error };
}

/** Decides between another attempt and the dead-letter queue. */
function concludeFailure(
  { maxAttempts, retryDelayMs }: DialogDeps,
  { attempts, attemptsBefore }: PendingMessage,
  result: Exclude<Answered, { outcome: 'delivered' | 'postponed' }>,
): Death | { delayMs: number } {
  // Attempts since the message came, or was replayed.
  const made = attempts - attemptsBefore + 1;
  if (result.outcome === 'retry' && made < maxAttempts) {
    return { delayMs: retryDelayMs(made, result.retryAfterMs) };
  }
  const reason = result.outcome === 'retry' ? 'core_exhausted' : 'core_refused';
  return { reason, message: result.detail ?? `Core answered ${result.code}` };
}

/** Logs one wide line per attempt, with the ids under their names in the contract. */
function logAttempt(logger: Pick<Logger, 'info'>, message: PendingMessage, result: Answered): void {
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

/** Makes one attempt at Core, in a span of its own if there is a tracer. */
async function pushTraced(
  core: Pick<Core, 'push'>,
  tracer: Tracer | undefined,
  message: PendingMessage,
): Promise<PushResult> {
  const { tenantId, messageId, traceId, traceParent: parent, payload: body } = message;
  const span = tracer?.start({ name: 'deliver', kind: 'client', parent, root: messageId });
  const traceparent = span?.traceparent ?? parent ?? undefined;
  const result = await core.push({ tenantId, messageId, traceId, traceparent, body });
  // If a circuit is open, nothing was sent.
  if (span === undefined || result.outcome === 'held') return result;
  const code = 'code' in result ? result.code : undefined;
  span.end(
    {
      'contour.message_id': messageId,
      'contour.trace_id': traceId,
      'contour.tenant_id': tenantId,
      'contour.outcome': result.outcome,
      'contour.attempt': message.attempts + 1,
      'http.request.method': 'POST',
      'http.response.status_code': 'status' in result ? result.status : undefined,
      'error.type': code,
    },
    result.outcome === 'delivered' ? undefined : (code ?? result.outcome),
  );
  return result;
}
