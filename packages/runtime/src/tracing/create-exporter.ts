import { type Attributes, type EndedSpan, otlpBody } from './otlp.ts';

/** All that may wait, those under way included: a few megabytes, however long the collector is away. */
const MAX_WAITING = 4096;
const BATCH_SIZE = 512;
/** So long spans gather; after each failure in a row twice as long, up to the second figure. */
const GATHER_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const POST_WITHIN_MS = 10_000;
/** What the end of the process may wait for the last spans. */
const CLOSE_WITHIN_MS = 1_000;

const RETRIED_STATUSES = new Set([429, 502, 503, 504]);

interface ExporterOptions {
  /** The base of OTLP over HTTP; `/v1/traces` is put behind it. */
  endpoint: string;
  headers: Record<string, string>;
  resource: Attributes;
  onError: (error: Error) => void;
  /** How many spans were dropped since the last call. */
  onDropped: (spans: number) => void;
}

interface Exporter {
  /** Never waits and never fails: what there is no room for is dropped and counted. */
  add(span: EndedSpan): void;
  /** Sends what is left, in a second at most. */
  close(signal?: AbortSignal): Promise<void>;
}

type PostEnd = 'taken' | 'refused' | 'later';

const tracesUrl = (endpoint: string): URL => {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url;
};

/** Sends spans in batches, one request at a time, behind the back of whoever made them. */
export function createExporter(options: ExporterOptions): Exporter {
  const { headers, resource, onError, onDropped } = options;
  const url = tracesUrl(options.endpoint);
  const waiting: EndedSpan[] = [];
  const cut = new AbortController();
  let dropped = 0;
  let pauseMs = GATHER_MS;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let isClosed = false;

  async function post(batch: readonly EndedSpan[]): Promise<PostEnd> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: otlpBody(resource, batch),
        redirect: 'manual',
        signal: AbortSignal.any([cut.signal, AbortSignal.timeout(POST_WITHIN_MS)]),
      });
      await response.arrayBuffer();
      if (response.ok) return 'taken';
      onError(new Error(`the collector answered ${response.status}`));
      return RETRIED_STATUSES.has(response.status) ? 'later' : 'refused';
    } catch (error) {
      if (!isClosed) onError(error as Error);
      return 'later';
    }
  }

  function tellDropped(): void {
    if (dropped > 0) onDropped(dropped);
    dropped = 0;
  }

  /** Sends while there is as much as `least`; false when the collector has to be left alone. */
  async function send(least: number): Promise<boolean> {
    do {
      const batch = waiting.slice(0, BATCH_SIZE);
      const end = await post(batch);
      if (end === 'later') return false;
      waiting.splice(0, batch.length);
      if (end === 'refused') dropped += batch.length;
      tellDropped();
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
    // Unwatched spans are no reason for a process to stay.
    timer = setTimeout(() => {
      sending = run();
    }, ms).unref();
  }

  return {
    add(span) {
      if (isClosed || waiting.length >= MAX_WAITING) {
        dropped += 1;
        return;
      }
      waiting.push(span);
      if (sending !== undefined) return;
      if (waiting.length === BATCH_SIZE && pauseMs === GATHER_MS) {
        clearTimeout(timer);
        timer = undefined;
        schedule(0);
      } else schedule(pauseMs);
    },
    async close(signal) {
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
      tellDropped();
    },
  };
}
