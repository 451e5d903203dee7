import {
  checkIncoming,
  type DlqEntry,
  type IncomingMessage,
  parseBody,
  type ResolveJob,
  uuidv7,
} from '@contour/contract';
import type { ReplyListener } from '../replies.ts';

/** How long a replay waits for outcomes, all pages together, so that a list right afterwards is up to date. */
const WAIT_MS = 2000;

/** How many are added at once. A whole page may be more than the backlog has room for. */
const AT_ONCE = 50;

export interface ReplayDeps {
  addJobs(jobs: ResolveJob[]): Promise<void>;
  replies: Pick<ReplyListener, 'channel' | 'expect' | 'forget'>;
  /** Resolves when this many more jobs leave room for senders. */
  waitForRoom(jobs: number): Promise<void>;
}

/** The message that a replay would add. A text that could not be read is read again; undefined if it still cannot. */
export function messageToReplay({ message, raw }: DlqEntry): IncomingMessage | undefined {
  if (message !== null) return message;
  if (raw === null) return undefined;
  const checked = checkIncoming(parseBody(raw));
  return checked.ok ? checked.message : undefined;
}

function jobsOf(entries: readonly DlqEntry[]): ResolveJob[] {
  return entries.flatMap((entry) => {
    const message = messageToReplay(entry);
    if (message === undefined) return [];
    const replayFor = entry.tenantId ?? undefined;
    return [{ v: 1 as const, message, replayOf: entry.id, ...(replayFor && { replayFor }) }];
  });
}

/**
 * Adds entries as new jobs, a part at a time, each when the backlog has room, because senders come first. A worker
 * removes an entry after its replay succeeded, so a killed replay loses none.
 */
export function createReplay({ addJobs, replies, waitForRoom }: ReplayDeps) {
  async function addAndWait(jobs: ResolveJob[], untilMs: number): Promise<void> {
    const leftMs = untilMs - Date.now();
    if (leftMs <= 0) return addJobs(jobs);
    const addressed = jobs.map((job) => ({
      ...job,
      reply: { to: replies.channel, requestId: uuidv7(), untilMs },
    }));
    const ids = addressed.map(({ reply }) => reply.requestId);
    const answered = Promise.all(ids.map((id) => replies.expect(id, leftMs)));
    try {
      await addJobs(addressed);
      await answered;
    } finally {
      for (const id of ids) replies.forget(id);
    }
  }

  return async function replay(pages: AsyncIterable<DlqEntry[]> | Iterable<DlqEntry[]>) {
    const untilMs = Date.now() + WAIT_MS;
    let matched = 0;
    let replayed = 0;
    for await (const entries of pages) {
      const jobs = jobsOf(entries);
      for (let from = 0; from < jobs.length; from += AT_ONCE) {
        const part = jobs.slice(from, from + AT_ONCE);
        await waitForRoom(part.length);
        await addAndWait(part, untilMs);
      }
      matched += entries.length;
      replayed += jobs.length;
    }
    return { matched, replayed };
  };
}

export type Replay = ReturnType<typeof createReplay>;
