import { type Channel, shardOf, streamKeyOf } from '@contour/producer';
import type { Body } from './messages.ts';
import { withRedis } from './redis-client.ts';
import type { TestAccount } from './tenants.ts';

export const STREAM_SHARDS = 4;

const shards = Array.from({ length: STREAM_SHARDS }, (_, shard) => shard);

/** All streams, in the order of the shards. */
export const STREAMS = shards.map(streamKeyOf);

export const streamOf = (body: Body): string =>
  streamKeyOf(shardOf(body.channel as Channel, String(body.external_chat_id), STREAM_SHARDS));

/** A body with the fingerprint of its account in place of the credential. */
export function withFingerprint(body: Body, { fingerprint }: TestAccount): Body {
  const { bot_token: _, profile_id: _p, group_id: _g, user_id: _u, bot_id: _b, ...rest } = body;
  return { ...rest, account_fingerprint: fingerprint };
}

/** Writes as another service does: each stream over its own connection, in the given order. */
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

/** Whether all entries have been handled and removed. */
export async function areStreamsEmpty(redisUrl: string): Promise<boolean> {
  const lengths = await withRedis(redisUrl, (redis) =>
    Promise.all(STREAMS.map((stream) => redis('XLEN', stream))),
  );
  return lengths.every((length) => length === 0);
}

/** The owner of each stream. Null where there is none. */
export function streamOwners(redisUrl: string): Promise<(string | null)[]> {
  const keys = STREAMS.map((stream) => `${stream}:owner`);
  return withRedis(redisUrl, (redis) => redis('MGET', ...keys)) as Promise<(string | null)[]>;
}
