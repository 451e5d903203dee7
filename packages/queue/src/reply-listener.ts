import { randomUUID } from 'node:crypto';
import type { Reply } from '@contour/contract';
import type { Redis } from 'ioredis';
import { connectPatient, type OnError } from './connection.ts';

const PING_MS = 5000;

export interface ReplyListener {
  /** What a job says in `reply.to`. */
  channel: string;
  /** Settles once replies can be heard; what is published before is lost, as pub/sub is. */
  ready(): Promise<void>;
  /**
   * The reply, or undefined when it has not come in time; then call again to wait on: what comes
   * in between is kept until then, or until `forget`. Expect before the job is added.
   */
  expect(requestId: string, timeoutMs: number): Promise<Reply | undefined>;
  forget(requestId: string): void;
  /** Nobody is left waiting: whoever does gets undefined. */
  close(): Promise<void>;
}

interface Expected {
  reply?: Reply;
  wake?: () => void;
}

/** A process's own ear. Replies that nobody expects any more are dropped. */
export function createReplyListener(o: { redisUrl: string; onError: OnError }): ReplyListener {
  const channel = `contour:reply:${randomUUID()}`;
  const expected = new Map<string, Expected>();
  const { client, disconnect } = connectPatient(o.redisUrl);
  client.on('error', o.onError);
  client.on('message', (_, text) => {
    try {
      for (const reply of JSON.parse(text) as Reply[]) take(expected, reply);
    } catch (error) {
      o.onError(error as Error);
    }
  });
  const subscribed = client.subscribe(channel);
  subscribed.catch(o.onError);
  const ping = keepHearing(client, o.onError);

  return {
    channel,
    ready: async () => {
      await subscribed;
    },
    expect: (requestId, timeoutMs) => {
      const entry = expected.get(requestId) ?? {};
      expected.set(requestId, entry);
      return waitFor(entry, timeoutMs).then((reply) => {
        if (reply !== undefined) expected.delete(requestId);
        return reply;
      });
    },
    forget: (requestId) => {
      expected.delete(requestId);
    },
    close: async () => {
      clearInterval(ping);
      for (const entry of expected.values()) entry.wake?.();
      expected.clear();
      disconnect();
    },
  };
}

function take(expected: Map<string, Expected>, reply: Reply): void {
  const entry = expected.get(reply.requestId);
  if (entry === undefined) return;
  entry.reply = reply;
  entry.wake?.();
}

function waitFor(entry: Expected, timeoutMs: number): Promise<Reply | undefined> {
  if (entry.reply !== undefined) return Promise.resolve(entry.reply);
  return new Promise((resolve) => {
    const timer = setTimeout(() => entry.wake?.(), timeoutMs);
    entry.wake = () => {
      clearTimeout(timer);
      delete entry.wake;
      resolve(entry.reply);
    };
  });
}

/** A subscriber sends nothing, so only a ping finds out that nobody is at the other end. */
function keepHearing(client: Redis, onError: OnError): NodeJS.Timeout {
  return setInterval(() => {
    if (client.status === 'ready') client.ping().catch(onError);
  }, PING_MS).unref();
}
