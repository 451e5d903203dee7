import { randomUUID } from 'node:crypto';
import type { Reply } from '@contour/contract';
import type { Redis } from 'ioredis';
import { connectPatient, type RedisAccess, runPipeline } from './redis/connect.ts';

/** Publishes all replies of a channel together, and all channels in one round trip. Returns the listeners by channel. */
export async function publishReplies(
  client: Redis,
  replies: ReadonlyArray<{ to: string; reply: Reply }>,
): Promise<Map<string, number>> {
  const byChannel = new Map<string, Reply[]>();
  for (const { to, reply } of replies) {
    const group = byChannel.get(to) ?? [];
    byChannel.set(to, group);
    group.push(reply);
  }
  const pipeline = client.pipeline();
  for (const [channel, group] of byChannel) pipeline.publish(channel, JSON.stringify(group));
  const listeners = await runPipeline(pipeline);
  return new Map(
    [...byChannel.keys()].map((channel, index) => [channel, Number(listeners[index])]),
  );
}

/** A subscriber sends nothing, so only a ping detects a dead connection. */
const PING_MS = 5000;

interface Expected {
  reply?: Reply;
  wake?: () => void;
}

export type ReplyListener = ReturnType<typeof createReplyListener>;

/** Receives the replies to this process, on a channel of its own. Replies that are not expected are dropped. */
export function createReplyListener({ redisUrl, onError }: RedisAccess) {
  const channel = `contour:reply:${randomUUID()}`;
  const expected = new Map<string, Expected>();
  const { client, disconnect } = connectPatient(redisUrl);
  client.on('error', onError);
  client.on('message', (_, text) => {
    try {
      for (const reply of JSON.parse(text) as Reply[]) {
        const entry = expected.get(reply.requestId);
        if (entry === undefined) continue;
        entry.reply = reply;
        entry.wake?.();
      }
    } catch (error) {
      onError(error as Error);
    }
  });
  const subscribed = client.subscribe(channel);
  subscribed.catch(onError);
  const ping = setInterval(() => {
    if (client.status === 'ready') client.ping().catch(onError);
  }, PING_MS).unref();

  return {
    /** The value of `reply.to` in a job. */
    channel,
    /** Settles once replies can be received. Replies that are published before are lost, as always with pub/sub. */
    ready: () => subscribed,
    /**
     * The reply, or undefined when it has not come in time; then call again to wait on. A reply that comes in between
     * is kept until then, or until `forget`. Call it before the job is added.
     */
    expect: async (requestId: string, timeoutMs: number): Promise<Reply | undefined> => {
      const entry = expected.get(requestId) ?? {};
      expected.set(requestId, entry);
      const reply = await waitFor(entry, timeoutMs);
      if (reply !== undefined) expected.delete(requestId);
      return reply;
    },
    forget: (requestId: string) => {
      expected.delete(requestId);
    },
    /** Ends every wait: each gets undefined. */
    close: async () => {
      clearInterval(ping);
      for (const entry of expected.values()) entry.wake?.();
      expected.clear();
      disconnect();
    },
  };
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
