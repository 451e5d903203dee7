import type { Dlq, Eraser } from '@contour/queue';
import { judgeEntry, judgeText, type Recognition } from './recognise.ts';

/** One place of Redis: how many were found and removed, and what it could not be told of whose it is. */
export interface RedisHits {
  found: number;
  removed: number;
  unclear: string[];
}

export type RedisPlace = 'jobs' | 'stream_entries' | 'dlq';

export interface RedisRooms {
  eraser: Eraser;
  dlq: Pick<Dlq, 'matching'>;
}

async function searchDlq(
  { dlq, eraser }: RedisRooms,
  recognition: Recognition,
  mayRemove: boolean,
): Promise<RedisHits> {
  const hits: RedisHits = { found: 0, removed: 0, unclear: [] };
  for await (const entries of dlq.matching({}, Number.POSITIVE_INFINITY)) {
    const judged = entries.map((entry) => ({ id: entry.id, is: judgeEntry(recognition, entry) }));
    const theirs = judged.filter(({ is }) => is === 'theirs').map(({ id }) => id);
    hits.unclear.push(...judged.filter(({ is }) => is === 'unclear').map(({ id }) => id));
    hits.found += theirs.length;
    if (mayRemove && theirs.length > 0) hits.removed += await eraser.removeLetters(theirs);
  }
  return hits;
}

/** Looks for somebody in what waits in Redis, and removes it where that is asked for. */
export async function searchRedis(
  rooms: RedisRooms,
  recognition: Recognition,
  { mayRemove }: { mayRemove: boolean },
): Promise<Record<RedisPlace, RedisHits>> {
  const judge = (text: string) => judgeText(recognition, text);
  const stream_entries = await rooms.eraser.streamEntries(judge, mayRemove);
  const jobs = await rooms.eraser.jobs(judge, mayRemove);
  // Last: what a worker had in hand may have been parked meanwhile.
  const dlq = await searchDlq(rooms, recognition, mayRemove);
  return { jobs, stream_entries, dlq };
}
