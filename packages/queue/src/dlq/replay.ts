import { setTimeout as delay } from 'node:timers/promises';
import {
  checkIncoming,
  type DlqEntry,
  type IncomingMessage,
  parseBody,
  type ResolveJob,
  uuidv7,
} from '@contour/contract';
import type { ReplyListener } from '../replies.ts';

/** Senders wait while workers resolve and deliver a part, so it is small. */
const AT_ONCE = 10;

/** How long a replay waits for the outcomes of a part, so that a list right afterwards is up to date. */
const WAIT_MS = 2000;

/** After a part, this many times the time that it took belongs to senders ... */
const REST_SHARE = 2;
/** ... and this long if its time is not known, because an outcome did not come. */
const UNKNOWN_REST_MS = 100;

export interface ReplayDeps {
  addJobs(jobs: ResolveJob[]): Promise<void>;
  replies: Pick<ReplyListener, 'channel' | 'expect' | 'forget'>;
  /** Resolves when this many more jobs leave room for senders. */
  waitForRoom(jobs: number): Promise<void>;
  /** Of timestamps without an offset, in texts that are read again. */
  timezone: string;
}

/** The message that a replay would add. A text that could not be read is read again; undefined if it still cannot. */
export function messageToReplay(
  { message, raw }: DlqEntry,
  timezone: string,
): IncomingMessage | undefined {
  if (message !== null) return message;
  if (raw === null) return undefined;
  const checked = checkIncoming(parseBody(raw), new Date(), timezone);
  return checked.ok ? checked.message : undefined;
}

function jobsOf(entries: readonly DlqEntry[], timezone: string): ResolveJob[] {
  return entries.flatMap((entry) => {
    const message = messageToReplay(entry, timezone);
    if (message === undefined) return [];
    const replayFor = entry.tenantId ?? undefined;
    return [{ v: 1 as const, message, replayOf: entry.id, ...(replayFor && { replayFor }) }];
  });
}

/**
 * Adds entries as new jobs, a part at a time, each when the backlog has room and after a rest, because senders come
 * first. A worker removes an entry after its replay succeeded, so a killed replay loses none.
 */
export function createReplay({ addJobs, replies, waitForRoom, timezone }: ReplayDeps) {
  /** Returns whether all outcomes came. */
  async function addAndWait(jobs: ResolveJob[]): Promise<boolean> {
    const untilMs = Date.now() + WAIT_MS;
    const addressed = jobs.map((job) => ({
      ...job,
      reply: { to: replies.channel, requestId: uuidv7(), untilMs },
    }));
    const ids = addressed.map(({ reply }) => reply.requestId);
    const answered = Promise.all(ids.map((id) => replies.expect(id, WAIT_MS)));
    try {
      await addJobs(addressed);
      return (await answered).every((reply) => reply !== undefined);
    } finally {
      for (const id of ids) replies.forget(id);
    }
  }

  return async function replay(pages: AsyncIterable<DlqEntry[]> | Iterable<DlqEntry[]>) {
    let isAnswered = true;
    let restMs = 0;
    let matched = 0;
    let replayed = 0;
    for await (const entries of pages) {
      const jobs = jobsOf(entries, timezone);
      for (let from = 0; from < jobs.length; from += AT_ONCE) {
        const part = jobs.slice(from, from + AT_ONCE);
        await delay(restMs);
        await waitForRoom(part.length);
        const startedAt = performance.now();
        // Outcomes that do not come are waited for once.
        if (isAnswered) isAnswered = await addAndWait(part);
        else await addJobs(part);
        restMs = isAnswered ? REST_SHARE * (performance.now() - startedAt) : UNKNOWN_REST_MS;
      }
      matched += entries.length;
      replayed += jobs.length;
    }
    return { matched, replayed };
  };
}

export type Replay = ReturnType<typeof createReplay>;
