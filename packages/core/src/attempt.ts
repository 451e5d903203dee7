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

/**
 * Posts once. One deadline bounds all of it, waiting for a connection and reading the body included.
 * The status decides: whatever happens to the body after it, Core has spoken.
 */
export async function attempt({ pool, request, timeoutMs, signal }: Attempt): Promise<Ending> {
  if (signal?.aborted) return { kind: 'aborted' };
  const cut = new AbortController();
  const late = () => cut.abort(new errors.HeadersTimeoutError(`no answer within ${timeoutMs} ms`));
  const timer = setTimeout(late, timeoutMs);
  const onAbort = () => cut.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const response = await Promise.race([
      pool.request({ ...request, method: 'POST', signal: cut.signal }),
      // undici hears the signal only once the request has a connection.
      rejectionOf(cut.signal),
    ]);
    await response.body.dump({ limit: BODY_LIMIT });
    const retryAfter = [response.headers['retry-after']].flat()[0] ?? null;
    return { kind: 'status', status: response.statusCode, retryAfter };
  } catch (error) {
    const isLate = cut.signal.reason instanceof errors.HeadersTimeoutError;
    if (signal?.aborted && !isLate) return { kind: 'aborted' };
    return endingOf(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
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
