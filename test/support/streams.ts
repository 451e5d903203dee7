import { type Channel, shardOf, streamKeyOf } from '@contour/producer';
import type { Body } from './messages.ts';
import { withRedis } from './redis-client.ts';
import type { TestAccount } from './tenants.ts';

export const STREAM_SHARDS = 4;

const shards = Array.from({ length: STREAM_SHARDS }, (_, shard) => shard);

/** Every stream there is, in the order of the shards. */
export const STREAMS = shards.map(streamKeyOf);

export const streamOf = (body: Body): string =>
  streamKeyOf(shardOf(body.channel as Channel, String(body.external_chat_id), STREAM_SHARDS));

/** A body that knows its account by fingerprint, as a careful producer writes it. */
export function withFingerprint(body: Body, { fingerprint }: TestAccount): Body {
  const { bot_token: _, profile_id: _p, group_id: _g, user_id: _u, bot_id: _b, ...rest } = body;
  return { ...rest, account_fingerprint: fingerprint };
}

/** Writes as another service does: each stream over a connection of its own, in the given order. */
export async function addToStreams(redisUrl: string, bodies: Iterable<Body>): Promise<void> {
  const byStream = new Map<string, Body[]>();
  for (const body of bodies) {
    const stream = streamOf(body);
    const own = byStream.get(stream);
    if (own) own.push(body);
    else byStream.set(stream, [body]);
  }
  await Promise.all(
    [...byStream].map(([stream, own]) =>
      withRedis(redisUrl, (redis) =>
        Promise.all(own.map((body) => redis('XADD', stream, '*', 'message', JSON.stringify(body)))),
      ),
    ),
  );
}

/** Whether all that was put into them has come to an end. */
export async function areStreamsEmpty(redisUrl: string): Promise<boolean> {
  const lengths = await withRedis(redisUrl, (redis) =>
    Promise.all(STREAMS.map((stream) => redis('XLEN', stream))),
  );
  return lengths.every((length) => length === 0);
}

/** Who reads each of them; null where nobody does. */
export function streamOwners(redisUrl: string): Promise<(string | null)[]> {
  const keys = STREAMS.map((stream) => `${stream}:owner`);
  return withRedis(redisUrl, (redis) => redis('MGET', ...keys)) as Promise<(string | null)[]>;
}
