import { type Dispatcher, errors, type Pool } from 'undici';
import type { Answer } from './classify.ts';

/** How much of an answer is read to keep its connection for the next message. */
const BODY_LIMIT = 64 * 1024;

/** An attempt's end: Core's answer, the caller's wish, or a request that cannot be put on the wire. */
export type Ending = Answer | { kind: 'aborted' } | { kind: 'unsendable'; error: unknown };

export interface Attempt {
  pool: Pool;
  request: Pick<Dispatcher.RequestOptions, 'path' | 'headers'> & { body: string };
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

const TOO_LONG = new Error(`an answer longer than ${BODY_LIMIT} bytes`);

/** An answer has a status: this end is one that no answer comes to. */
const NO_STATUS = { kind: 'network', error: new Error('an answer without a status') } as const;

/**
 * Posts once. One deadline bounds all of it, waiting for a connection and reading the body included.
 * The status decides: whatever happens to the body after it, Core has spoken.
 */
export function attempt({ pool, request, timeoutMs, signal }: Attempt): Promise<Ending> {
  if (signal?.aborted) return Promise.resolve({ kind: 'aborted' });
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let answer: Answer | undefined;
    let bytes = 0;
    let reason: Error | undefined;

    const end = (ending: Ending) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(answer ?? ending);
    };
    const giveUp = (ending: Ending, why: Error) => {
      reason = why;
      end(ending);
      controller?.abort(why);
    };
    const onAbort = () => giveUp({ kind: 'aborted' }, new errors.RequestAbortedError());
    const late = () => {
      const error = new errors.HeadersTimeoutError(`no answer within ${timeoutMs} ms`);
      giveUp({ kind: 'timeout', error }, error);
    };
    const timer = setTimeout(late, timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });

    pool.dispatch(
      { ...request, method: 'POST' },
      {
        onRequestStart(started) {
          controller = started;
          // Given up while it waited for a connection: it must not be sent after all.
          if (reason) started.abort(reason);
        },
        onResponseStart(_, status, headers) {
          if (status < 200) return; // it says that an answer will come
          const retryAfter = [headers['retry-after']].flat()[0] ?? null;
          answer = { kind: 'status', status, retryAfter };
        },
        onResponseData(_, chunk) {
          bytes += chunk.length;
          if (bytes > BODY_LIMIT) giveUp(NO_STATUS, TOO_LONG);
        },
        onResponseEnd: () => end(NO_STATUS),
        onResponseError: (_, error) => end(endingOf(error)),
      },
    );
  });
}

function endingOf(error: unknown): Ending {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.ConnectTimeoutError) {
    return { kind: 'timeout', error };
  }
  // The pool was closed by us, not by Core.
  if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError) {
    return { kind: 'aborted' };
  }
  // A header that may not be sent: this message fails the same way for ever, and says nothing about Core.
  if (error instanceof errors.InvalidArgumentError) return { kind: 'unsendable', error };
  return { kind: 'network', error };
}
