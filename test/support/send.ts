import { Agent, request as startRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Body, idOf } from './messages.ts';
import { waitFor } from './wait-for.ts';

/** Existing senders wait this long for an answer. */
const SENDER_TIMEOUT_MS = 30_000;
const PAUSE_MS = 400;

// fetch would take more CPU than the service under test.
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

/** Closes all connections. Call it while no request is in flight. */
export const hangUp = (): void => agent.destroy();

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  ms: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  json: any;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One request and its whole answer. Text and bytes are sent as they are, other bodies as JSON. */
export function request(
  method: string,
  url: string,
  {
    body,
    headers = {},
    timeoutMs = SENDER_TIMEOUT_MS,
  }: { body?: unknown; headers?: Record<string, string>; timeoutMs?: number } = {},
): Promise<Answer> {
  const startedAt = performance.now();
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
  const payload = isRaw || body === undefined ? body : JSON.stringify(body);
  // Node sends no length with a DELETE: its body would be read as another request.
  const described =
    payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
  return new Promise((resolve, reject) => {
    const outgoing = startRequest(
      url,
      { method, agent, headers: { ...described, ...headers }, timeout: timeoutMs },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: incoming.statusCode ?? 0,
            headers: new Headers(incoming.headers as Record<string, string>),
            text,
            ms: performance.now() - startedAt,
            json: parsed(text),
          });
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('the answer takes too long')));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

export const get = (url: string, headers: Record<string, string> = {}) =>
  request('GET', url, { headers });

export const resolve = (apiUrl: string, body: unknown, headers: Record<string, string> = {}) =>
  request('POST', `${apiUrl}/resolve`, { body, headers });

/** A message that the service has accepted. */
export interface Accepted {
  messageId: string;
  /** The body of the 200. Null where the answer was "queued". */
  answer: string | null;
}

/** One answer as the sender saw it. Status 0 is a broken connection. */
interface Trace {
  status: number;
  startedAt: number;
  ms: number;
}

export interface Load {
  accepted: Accepted[];
  /** Every id that was sent at least once. */
  sent: Set<string>;
  trail: Trace[];
}

export interface RunningLoad extends Load {
  done: Promise<Load>;
}

export interface LoadOptions {
  /** The API processes, used in turn. After a failure the request goes to the next one. */
  urls: readonly string[];
  messages: Iterable<Body>;
  concurrency: number;
  /** How long a sender pauses after each message, so that a load lasts as long as an outage. */
  paceMs?: number;
  deadlineMs?: number;
}

/** Sends as existing senders do: only 200 is success, 5xx and broken connections are repeated. */
export function startLoad(options: LoadOptions): RunningLoad {
  const { urls, concurrency, paceMs = 0, deadlineMs = 120_000 } = options;
  const load: Load = { accepted: [], sent: new Set(), trail: [] };
  const giveUpAt = Date.now() + deadlineMs;
  const messages = options.messages[Symbol.iterator]();
  let turn = 0;

  async function attempt(text: string): Promise<Answer | undefined> {
    const url = urls[turn++ % urls.length] ?? '';
    const startedAt = Date.now();
    const answer = await resolve(url, text).catch(() => undefined);
    load.trail.push({ status: answer?.status ?? 0, startedAt, ms: Date.now() - startedAt });
    return answer;
  }

  async function sendOne(body: Body): Promise<void> {
    const text = JSON.stringify(body);
    const messageId = idOf(body);
    load.sent.add(messageId);
    while (Date.now() < giveUpAt) {
      const answer = await attempt(text);
      if (answer?.status === 200) {
        load.accepted.push({ messageId, answer: answer.text });
        return;
      }
      if (answer !== undefined && answer.status < 500) {
        throw new Error(`the sender gives up after ${answer.status}: ${answer.text}`);
      }
      await delay(PAUSE_MS);
    }
    throw new Error(`a message was not accepted within ${deadlineMs} ms`);
  }

  async function sender(): Promise<void> {
    for (let next = messages.next(); !next.done; next = messages.next()) {
      await sendOne(next.value);
      await delay(paceMs);
    }
  }

  const done = Promise.all(Array.from({ length: concurrency }, sender)).then(() => load);
  // The test that awaits it gets the failure. Until then it must not count as unhandled.
  done.catch(() => undefined);
  return { ...load, done };
}

/** Messages are accepted faster than this on any machine. */
const ACCEPTED_WITHIN_MS = { all: 60_000, each: 20 };

/** Waits until this many messages of a load are accepted: the moment to inject the fault. */
export async function acceptedCount(load: RunningLoad, count: number): Promise<void> {
  const look = () => load.accepted.length >= count;
  const deadlineMs = Math.max(ACCEPTED_WITHIN_MS.all, ACCEPTED_WITHIN_MS.each * count);
  const failure = load.done.then(() => undefined);
  await Promise.race([
    waitFor(`${count} accepted messages`, look, { deadlineMs, everyMs: 10 }),
    failure.then(() => waitFor('the load', look, { deadlineMs: 0 })),
  ]);
}
