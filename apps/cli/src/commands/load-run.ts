import { setMaxListeners } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { CHANNELS, type Channel } from '@contour/contract';

/** What a run sends, and how fast. Only the run's name is random. */
export interface LoadPlan {
  /** Part of the ids of this run, so that no message duplicates one of an earlier run. */
  run: string;
  channel: Channel;
  credential: string;
  chats: number;
  /** The share of messages from a chat that no run has used before. */
  newShare: number;
  count: number;
  rate: number;
}

/** Spread evenly: of 0.1, every tenth message is from a new chat. */
const isNewChat = (index: number, share: number) =>
  Math.floor((index + 1) * share) > Math.floor(index * share);

/** The body of a run's message, by its number. */
function loadBody(plan: LoadPlan, index: number): string {
  const { run, channel, credential, chats, newShare } = plan;
  const id = `${run}-${index + 1}`;
  return JSON.stringify({
    channel,
    [CHANNELS[channel].credentialField]: credential,
    external_chat_id: isNewChat(index, newShare) ? id : `load-${(index % chats) + 1}`,
    client_name: 'Load',
    text: `Message ${index + 1} of ${run}`,
    message_ids: [id],
    trace_id: id,
  });
}

/** Senders usually wait this long for an answer. */
const ANSWER_WITHIN_MS = 30_000;

/** Posts to one address over at most so many connections, which are kept open. */
export function createPoster(url: URL, key: string | undefined, connections: number) {
  const { Agent, request } = url.protocol === 'https:' ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const headersFor = (body: string) => ({
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  });
  return {
    /** Resolves with the status when the body of the answer has been read. Rejects with an error code. */
    post: (body: string) =>
      new Promise<number>((resolve, reject) => {
        const fail = ({ code, message }: NodeJS.ErrnoException) =>
          reject(new Error(code ?? message));
        const sending = { method: 'POST', agent, headers: headersFor(body) };
        const outgoing = request(url, sending, (incoming) => {
          incoming.on('error', fail);
          incoming.on('end', () => resolve(incoming.statusCode ?? 0));
          incoming.resume();
        });
        outgoing.setTimeout(ANSWER_WITHIN_MS, () =>
          outgoing.destroy(new Error('no answer in 30 s')),
        );
        outgoing.on('error', fail);
        outgoing.end(body);
      }),
    /** Ends the requests under way. */
    close: () => agent.destroy(),
  };
}

const count = (counts: Record<string, number>, name: string | number) => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/**
 * Sends at a steady rate, however slow the answers are. A latency lasts from the time at which the message was
 * due until its answer has been read, so that a wait for a connection is measured, too.
 */
export async function runLoad(
  plan: LoadPlan,
  /** As many requests may be under way at once. */
  connections: number,
  post: (body: string) => Promise<number>,
  signal: AbortSignal,
  onAnswer: (done: number) => void,
) {
  const { count: total, rate } = plan;
  const statuses: Record<string, number> = {};
  const errors: Record<string, number> = {};
  const latencies: number[] = [];
  const startedAt = performance.now();
  let begun = 0;
  let done = 0;
  // Every sender that waits for its turn adds a listener.
  setMaxListeners(0, signal);

  async function sendNext(): Promise<void> {
    const index = begun;
    begun += 1;
    const dueAt = startedAt + (index * 1000) / rate;
    const earlyMs = dueAt - performance.now();
    if (earlyMs > 0) await delay(earlyMs, undefined, { signal });
    const status = await post(loadBody(plan, index));
    count(statuses, status);
    latencies.push(performance.now() - dueAt);
  }

  async function sender(): Promise<void> {
    while (begun < total && !signal.aborted) {
      try {
        await sendNext();
      } catch (error) {
        if (signal.aborted) return;
        count(errors, (error as Error).message);
      }
      done += 1;
      onAnswer(done);
    }
  }

  await Promise.all(Array.from({ length: Math.min(connections, total) }, sender));
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  // A message that was cut off before its turn or its answer counts as not sent.
  return { sent: done, seconds, statuses, errors, latencies };
}
