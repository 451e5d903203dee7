import { accountOf, type IncomingMessage } from '@contour/contract';
import { ProblemError, RETRY_AFTER_SECONDS, unavailable } from '@contour/http';
import type { Backlog } from '@contour/queue/limits';

const LOOK_EVERY_MS = 1000;
const LOOK_AGAIN_MS = 200;
/** One look may be late because this process is busy, above all while it starts. */
const FAILED_LOOKS_MEAN_AWAY = 2;
const MEMORY_SHARE = 0.9;

function refusalOf(backlog: Backlog, maxBacklog: number): string | undefined {
  const { waiting, delayed, active, memoryUsed, memoryLimit } = backlog;
  if (waiting + delayed + active > maxBacklog) return 'The backlog is over its limit.';
  if (memoryLimit > 0 && memoryUsed > memoryLimit * MEMORY_SHARE)
    return 'Redis is short of memory.';
  return undefined;
}

export type BackPressure = ReturnType<typeof watchBackPressure>;

/**
 * Looks once a second whether the queue has room, so that a request is refused before it is accepted. While Redis is
 * known to be away every request is refused at once. Until the first look every request passes: a Redis that is away
 * refuses the job itself.
 */
export function watchBackPressure(deps: {
  backlog: () => Promise<Backlog>;
  maxBacklog: number;
  onChange: (refusal: string | undefined, cause?: unknown) => void;
}) {
  let refusal: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let failedLooks = 0;

  function setRefusal(next: string | undefined, cause?: unknown): void {
    if (next !== refusal) deps.onChange(next, cause);
    refusal = next;
  }

  async function look(): Promise<void> {
    try {
      setRefusal(refusalOf(await deps.backlog(), deps.maxBacklog));
      failedLooks = 0;
    } catch (error) {
      failedLooks += 1;
      if (failedLooks >= FAILED_LOOKS_MEAN_AWAY) setRefusal('Redis is away.', error);
    }
    const nextMs = failedLooks > 0 ? LOOK_AGAIN_MS : LOOK_EVERY_MS;
    if (!isClosed) timer = setTimeout(() => void look(), nextMs).unref();
  }
  void look();

  return {
    /** Throws while no message may be accepted. Makes no request. */
    check(): void {
      if (refusal !== undefined) throw unavailable(refusal);
    },
    close(): void {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

/** Refuses a message of an account that has `max` messages waiting. Makes no request: the count is in memory. */
export function createWaitingLimit(
  waitingOf: (account: string) => number,
  max: number,
): (message: IncomingMessage) => void {
  return (message) => {
    if (waitingOf(accountOf(message)) < max) return;
    throw new ProblemError('too_many_requests', {
      detail: `At most ${max} messages of one account may wait to be resolved.`,
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
    });
  };
}
