import type { Reply } from '@contour/contract';
import type { Redis } from 'ioredis';
import { runPipeline } from './run-pipeline.ts';

/** One PUBLISH per channel with all of its replies, all channels in one round trip. */
export async function publishReplies(
  client: Redis,
  replies: ReadonlyArray<{ to: string; reply: Reply }>,
): Promise<Map<string, number>> {
  const byChannel = new Map<string, Reply[]>();
  for (const { to, reply } of replies) {
    const others = byChannel.get(to);
    if (others === undefined) byChannel.set(to, [reply]);
    else others.push(reply);
  }
  if (byChannel.size === 0) return new Map();

  const pipeline = client.pipeline();
  for (const [channel, group] of byChannel) pipeline.publish(channel, JSON.stringify(group));
  const heard = await runPipeline(pipeline);
  return new Map([...byChannel.keys()].map((channel, index) => [channel, Number(heard[index])]));
}
