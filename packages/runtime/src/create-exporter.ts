/** Spans in memory, those of the request under way included: a few megabytes, also during a long outage. */
const MAX_WAITING = 4096;
const BATCH_SIZE = 512;
/** The pause between batches. It doubles after each failure in a row, up to the second figure. */
const GATHER_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const POST_WITHIN_MS = 10_000;
const CLOSE_WITHIN_MS = 1_000;

const RETRIED_STATUSES = new Set([429, 502, 503, 504]);

interface ExporterOptions {
  /** The base of OTLP over HTTP; `/v1/traces` is appended. */
  endpoint: string;
  headers: Record<string, string>;
  /** The attributes of the process, in the JSON form of OTLP. */
  resource: object[];
  onError: (error: Error) => void;
  /** How many spans were dropped since the last call. */
  onDropped: (spans: number) => void;
}

type PostResult = 'accepted' | 'refused' | 'retry';

/** Returns the function that sends one batch. */
function createPost({ endpoint, headers, resource, onError }: ExporterOptions, cut: AbortSignal) {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;

  return async (spans: readonly object[]): Promise<PostResult> => {
    const scopeSpans = [{ scope: { name: 'contour' }, spans }];
    const resourceSpans = [{ resource: { attributes: resource }, scopeSpans }];
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ resourceSpans }),
        redirect: 'manual',
        signal: AbortSignal.any([cut, AbortSignal.timeout(POST_WITHIN_MS)]),
      });
      await response.arrayBuffer();
      if (response.ok) return 'accepted';
      onError(new Error(`the collector answered ${response.status}`));
      return RETRIED_STATUSES.has(response.status) ? 'retry' : 'refused';
    } catch (error) {
      if (!cut.aborted) onError(error as Error);
      return 'retry';
    }
  };
}

/** Sends spans in batches, one request at a time. */
export function createExporter(options: ExporterOptions) {
  const cut = new AbortController();
  const post = createPost(options, cut.signal);
  const waiting: object[] = [];
  let dropped = 0;
  let pauseMs = GATHER_MS;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let isClosed = false;

  function reportDropped(): void {
    if (dropped > 0) options.onDropped(dropped);
    dropped = 0;
  }

  /** Sends while at least this many wait. Returns false if the collector needs a pause. */
  async function send(least: number): Promise<boolean> {
    do {
      const batch = waiting.slice(0, BATCH_SIZE);
      const result = await post(batch);
      if (result === 'retry') return false;
      waiting.splice(0, batch.length);
      if (result === 'refused') dropped += batch.length;
      reportDropped();
    } while (waiting.length >= least);
    return true;
  }

  async function run(): Promise<void> {
    timer = undefined;
    const isWell = await send(BATCH_SIZE);
    pauseMs = isWell ? GATHER_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    sending = undefined;
    if (waiting.length > 0) schedule(pauseMs);
  }

  function schedule(ms: number): void {
    if (isClosed || timer !== undefined) return;
    // Waiting spans do not keep the process alive.
    timer = setTimeout(() => {
      sending = run();
    }, ms).unref();
  }

  return {
    /** Never waits and never fails: a span for which there is no room is dropped and counted. */
    add(span: object): void {
      if (isClosed || waiting.length >= MAX_WAITING) {
        dropped += 1;
        return;
      }
      waiting.push(span);
      if (sending !== undefined) return;
      const isFull = waiting.length === BATCH_SIZE && pauseMs === GATHER_MS;
      if (isFull) {
        clearTimeout(timer);
        timer = undefined;
      }
      schedule(isFull ? 0 : pauseMs);
    },
    /** Sends the remaining spans, in a second at most. */
    async close(signal?: AbortSignal): Promise<void> {
      isClosed = true;
      clearTimeout(timer);
      const stop = () => cut.abort();
      const deadline = setTimeout(stop, CLOSE_WITHIN_MS);
      signal?.addEventListener('abort', stop, { once: true });
      await sending;
      if (waiting.length > 0) await send(1);
      clearTimeout(deadline);
      signal?.removeEventListener('abort', stop);
      dropped += waiting.length;
      reportDropped();
    },
  };
}
