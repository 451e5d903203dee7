import type { DlqIndex, Eraser } from '@contour/queue';
import { deadLetters, eraseParked, type Pool } from '@contour/store';
import { judgeEntry, judgeText, type Recognition } from './recognise.ts';

/** One place: how many messages were found and removed, and those whose owner is unclear. */
export interface Hits {
  found: number;
  removed: number;
  unclear: string[];
}

export type WaitingPlace = 'jobs' | 'stream_entries' | 'dlq';

export interface WaitingRooms {
  pool: Pool;
  eraser: Eraser;
  index: Pick<DlqIndex, 'read' | 'dropFormer'>;
}

/** Entries that an earlier version parked in Redis and that no worker has moved to Postgres yet. */
async function searchFormer(
  { index }: WaitingRooms,
  recognition: Recognition,
  mayRemove: boolean,
  hits: Hits,
): Promise<void> {
  for (let after: string | null = '0'; after !== null; ) {
    const { former, next } = await index.read(after);
    for (const { entry, digest } of former) {
      const is = judgeEntry(recognition, entry);
      if (is === 'unclear') hits.unclear.push(entry.id);
      if (is !== 'theirs') continue;
      hits.found += 1;
      if (!mayRemove) continue;
      await index.dropFormer(entry.id, digest);
      hits.removed += 1;
    }
    after = next;
  }
}

async function searchDlq(
  rooms: WaitingRooms,
  recognition: Recognition,
  mayRemove: boolean,
): Promise<Hits> {
  const hits: Hits = { found: 0, removed: 0, unclear: [] };
  // Redis first: an entry that is moved meanwhile is then found in Postgres.
  await searchFormer(rooms, recognition, mayRemove, hits);
  const { pool } = rooms;
  for await (const entries of deadLetters(pool).matching({}, Number.POSITIVE_INFINITY)) {
    const judged = entries.map((entry) => ({ id: entry.id, is: judgeEntry(recognition, entry) }));
    const theirs = judged.filter(({ is }) => is === 'theirs').map(({ id }) => id);
    hits.unclear.push(...judged.filter(({ is }) => is === 'unclear').map(({ id }) => id));
    hits.found += theirs.length;
    if (mayRemove && theirs.length > 0) hits.removed += await eraseParked(pool, theirs);
  }
  return hits;
}

/** Finds a person's messages that wait in Redis or are parked, and removes them if asked to. */
export async function searchWaiting(
  rooms: WaitingRooms,
  recognition: Recognition,
  { mayRemove }: { mayRemove: boolean },
): Promise<Record<WaitingPlace, Hits>> {
  const judge = (text: string) => judgeText(recognition, text);
  const stream_entries = await rooms.eraser.streamEntries(judge, mayRemove);
  const jobs = await rooms.eraser.jobs(judge, mayRemove);
  // Last: a worker may have parked a message meanwhile that it had in hand.
  const dlq = await searchDlq(rooms, recognition, mayRemove);
  return { jobs, stream_entries, dlq };
}
