import type { FailFastRedis } from '../connection.ts';
import { endEntries } from '../streams/end-entries.ts';
import { streamKey } from '../streams/keys.ts';
import { type Hits, type Judge, keysLike, noHits, PAGE } from './hits.ts';

type Entry = [id: string, fields: string[]];

async function* pagesOf({ client, ask }: FailFastRedis, key: string): AsyncGenerator<Entry[]> {
  let from = '-';
  for (;;) {
    const entries = await ask(() => client.xrange(key, from, '+', 'COUNT', PAGE));
    yield entries;
    const last = entries.at(-1)?.[0];
    if (last === undefined || entries.length < PAGE) return;
    from = `(${last}`;
  }
}

/** Looks through all shards; what is removed counts as done, and not as lost. */
export async function eraseStreamEntries(
  redis: FailFastRedis,
  judge: Judge,
  { mayRemove }: { mayRemove: boolean },
): Promise<Hits> {
  const hits = noHits();

  async function meet(key: string, entries: readonly Entry[]): Promise<void> {
    const theirs: string[] = [];
    for (const [id, fields] of entries) {
      const verdicts = fields.filter((_, at) => at % 2 === 1).map(judge);
      if (verdicts.includes('theirs')) theirs.push(id);
      else if (verdicts.includes('unclear')) hits.unclear.push(`${key} ${id}`);
    }
    hits.found += theirs.length;
    const shard = Number(key.slice(key.lastIndexOf(':') + 1));
    if (!mayRemove || !Number.isInteger(shard) || theirs.length === 0) return;
    await redis.ask(() => endEntries(redis.client, shard, theirs));
    hits.removed += theirs.length;
  }

  for await (const keys of keysLike(redis, `${streamKey(0).slice(0, -1)}*`, 'stream')) {
    for (const key of keys) {
      for await (const entries of pagesOf(redis, key)) await meet(key, entries);
    }
  }
  return hits;
}
