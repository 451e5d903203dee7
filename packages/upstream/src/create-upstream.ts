import { type Dispatcher, errors, Pool } from 'undici';

/** How much of an answer is read to keep its connection for the next request. */
const BODY_LIMIT = 64 * 1024;

/** How a request ended. `detail` is a sentence for the operator. */
export type Ending =
  | { kind: 'status'; status: number; retryAfter?: string | null }
  | { kind: 'timeout' | 'network'; detail: string }
  /** The upstream was closed. */
  | { kind: 'aborted' }
  /** A header that may not be sent. This request fails the same way every time, and says nothing about the service. */
  | { kind: 'unsendable'; detail: string };

export interface UpstreamOptions {
  /** A user and password in it become a header. */
  url: string;
  /** Bounds the whole request, including the wait for a connection and the body of the answer. */
  timeoutMs: number;
  /** At least the number of requests at once: one that waits for a connection uses up its own time. */
  connections: number;
}

/** Another service at one URL. */
export function createUpstream({ url: address, timeoutMs, connections }: UpstreamOptions) {
  const url = new URL(address);
  const authorization = authorizationOf(url);
  const path = url.pathname + url.search;
  // A request has a deadline of its own, which covers the phases that undici would time one by one.
  const pool = new Pool(url.origin, {
    connections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: timeoutMs,
  });

  return {
    /** Sends once and follows no redirect. Never rejects. */
    post({ headers, body }: { headers: Record<string, string>; body: string }): Promise<Ending> {
      const all = authorization ? { ...headers, authorization } : headers;
      return send(pool, { method: 'POST', path, headers: all, body }, timeoutMs);
    },
    isClosed: () => pool.destroyed,
    /** Cuts the requests that are under way; they end as `aborted`. */
    close: () => pool.destroy(),
  };
}

/** The status decides: an error in the body after it does not change the ending. */
function send(pool: Pool, request: Dispatcher.DispatchOptions, timeoutMs: number): Promise<Ending> {
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let answer: Ending | undefined;
    let bytes = 0;
    let reason: Error | undefined;

    const end = (ending: Ending) => {
      clearTimeout(timer);
      resolve(answer ?? ending);
    };
    const giveUp = (kind: 'timeout' | 'network', detail: string) => {
      reason = new Error(detail);
      end({ kind, detail });
      controller?.abort(reason);
    };
    const timer = setTimeout(
      () => giveUp('timeout', `no answer within ${timeoutMs} ms`),
      timeoutMs,
    );

    pool.dispatch(request, {
      onRequestStart(started) {
        controller = started;
        // The deadline came while it waited for a connection: it must not be sent after all.
        if (reason) started.abort(reason);
      },
      onResponseStart(_, status, headers) {
        if (status < 200) return; // an interim answer
        const retryAfter = [headers['retry-after']].flat()[0] ?? null;
        answer = { kind: 'status', status, retryAfter };
      },
      onResponseData(_, chunk) {
        bytes += chunk.length;
        if (bytes > BODY_LIMIT) giveUp('network', 'an answer that is too long');
      },
      onResponseEnd: () => end({ kind: 'network', detail: 'an answer without a status' }),
      onResponseError: (_, error) => end(endingOf(error)),
    });
  });
}

function endingOf(error: unknown): Ending {
  if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError) {
    return { kind: 'aborted' };
  }
  const detail = messageOf(error);
  if (error instanceof errors.ConnectTimeoutError) return { kind: 'timeout', detail };
  if (error instanceof errors.InvalidArgumentError) return { kind: 'unsendable', detail };
  return { kind: 'network', detail };
}

/** If a name has several addresses and none answers, the messages are in the errors inside. */
function messageOf(error: unknown): string {
  const parts = error instanceof AggregateError ? error.errors : [error];
  return parts.map((part) => (part instanceof Error ? part.message : String(part))).join('; ');
}

/** undici ignores a user and password in the URL; the service would then refuse every request. */
function authorizationOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}
