import type { Dlq, Eraser } from '@contour/queue';
import { judgeEntry, judgeText, type Recognition } from './recognise.ts';

/** How many there are, and what of it could not be told whose it is. */
interface RedisFindings {
  jobs: number;
  stream_entries: number;
  dlq: number;
  /** Entries of the dead-letter queue that an operator has to look at. */
  unclear: string[];
}

export interface RedisRooms {
  eraser: Eraser;
  dlq: Pick<Dlq, 'matching' | 'remove'>;
}

async function searchDlq(
  { dlq }: RedisRooms,
  recognition: Recognition,
  mayRemove: boolean,
): Promise<{ found: number; removed: number; unclear: string[] }> {
  const hits = { found: 0, removed: 0, unclear: [] as string[] };
  for await (const entries of dlq.matching({}, Number.POSITIVE_INFINITY)) {
    for (const entry of entries) {
      const verdict = judgeEntry(recognition, entry);
      if (verdict === 'unclear') hits.unclear.push(entry.id);
      if (verdict !== 'theirs') continue;
      hits.found += 1;
      if (mayRemove && (await dlq.remove(entry.id))) hits.removed += 1;
    }
  }
  return hits;
}

/** Looks for somebody in what waits in Redis, and removes it where that is asked for. */
export async function searchRedis(
  rooms: RedisRooms,
  recognition: Recognition,
  { mayRemove }: { mayRemove: boolean },
): Promise<{ found: RedisFindings; removed: Omit<RedisFindings, 'unclear'> }> {
  const isTheirs = (text: string) => judgeText(recognition, text) === 'theirs';
  const entries = await rooms.eraser.streamEntries(isTheirs, mayRemove);
  const jobs = await rooms.eraser.jobs(isTheirs, mayRemove);
  // Last: what a worker had in hand may have been parked meanwhile.
  const dlq = await searchDlq(rooms, recognition, mayRemove);
  return {
    found: {
      jobs: jobs.found,
      stream_entries: entries.found,
      dlq: dlq.found,
      unclear: dlq.unclear,
    },
    removed: { jobs: jobs.removed, stream_entries: entries.removed, dlq: dlq.removed },
  };
}
