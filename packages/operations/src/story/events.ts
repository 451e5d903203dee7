import type { DlqEntry } from '@contour/contract';
import type { FormerEntry } from '@contour/store/dead-letters';
import type { Particulars, Story, Waiting } from '@contour/store/messages';

/** A past or an expected event of a message. */
export interface StoryEvent {
  at: string;
  what: 'received' | 'resolved' | 'parked' | 'let in' | 'cleared' | Attempted | 'dead' | 'waiting';
  detail: string;
}

type Attempted = 'attempt failed' | 'next attempt' | 'delivered';

const MATCHED_BY = {
  identity: 'client known by its channel',
  phone: 'client known by its phone',
  created: 'new client',
} as const;

/** 12 ms, 3.4 s, 5 min: less exact for longer times. */
export function durationText(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(ms)} ms`;
  if (size < 600_000) return `${(ms / 1000).toFixed(1)} s`;
  if (size < 2 * 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (size < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

/** Received, with the distance from the time at which its sender says it was written. */
export function received(at: string, writtenAtMs: number | null): StoryEvent {
  const delayMs = writtenAtMs === null ? 0 : Date.parse(at) - writtenAtMs;
  const late = `${durationText(Math.abs(delayMs))} ${delayMs > 0 ? 'after' : 'before'} it was written`;
  return { at, what: 'received', detail: delayMs === 0 ? '' : late };
}

export const parked = ({ failedAt, reason, error }: DlqEntry): StoryEvent => ({
  at: failedAt,
  what: 'parked',
  detail: `${reason}: ${error.message}`,
});

const WHY_LEFT = {
  let_in: 'its entry left the dead-letter queue',
  cleared: 'its entry was removed by an operator',
  dropped: 'its entry was dropped to limit the entries of unknown credentials',
  erased: 'its entry was erased',
};

/** Parked once, and no longer in the dead-letter queue. */
function wasParked({ reason, failedAt, leftAt, leaving }: FormerEntry): StoryEvent[] {
  const what = leaving === 'let_in' ? 'let in' : 'cleared';
  return [
    { at: failedAt, what: 'parked', detail: reason },
    { at: leftAt, what, detail: WHY_LEFT[leaving] },
  ];
}

function resolved({ resolvedAt, matchedBy, isNewDialog, seq }: Story): StoryEvent {
  const dialog = isNewDialog ? 'new dialog' : 'open dialog';
  const detail = `${MATCHED_BY[matchedBy]}, ${dialog}, seq ${seq}`;
  return { at: resolvedAt, what: 'resolved', detail };
}

function failures({ failedAttempts }: Story, attemptsBefore: number): StoryEvent[] {
  return failedAttempts.map(({ at, code, ms }, index) => {
    const again = index === attemptsBefore && index > 0 ? ', the first one since its replay' : '';
    const detail = `attempt ${index + 1}: ${code} after ${durationText(ms)}${again}`;
    return { at, what: 'attempt failed', detail };
  });
}

function waits({ dueAt: at, isDue, ahead, head }: Waiting, attempt: number): StoryEvent {
  const now = isDue ? ', due now' : '';
  if (ahead === 0) return { at, what: 'next attempt', detail: `attempt ${attempt}${now}` };
  const count = ahead >= 1000 ? '1000 or more' : String(ahead);
  const why = head.lastError === null ? '' : `, which failed with ${head.lastError}`;
  const next = `seq ${head.seq}, ${head.messageId}${why}`;
  return { at, what: 'waiting', detail: `${count} of its dialog go first; next is ${next}` };
}

/** How a message ended, or what it waits for. */
function ending(story: Story, entry: DlqEntry | null, waiting: Waiting | null): StoryEvent[] {
  const { state, attempts, deliveredAt, resolvedAt, failedAttempts } = story;
  if (state === 'delivered') {
    return [{ at: deliveredAt ?? resolvedAt, what: 'delivered', detail: `attempt ${attempts}` }];
  }
  if (state === 'dead') {
    const how =
      entry === null ? '; its dead-letter entry has been cleared' : ` after ${attempts} attempts`;
    const at = failedAttempts.at(-1)?.at ?? resolvedAt;
    return [{ at, what: 'dead', detail: `given up${how}` }];
  }
  return waiting === null ? [] : [waits(waiting, attempts + 1)];
}

/** All that Postgres knows of an accepted message, in order of time. */
export function eventsOf(
  story: Story,
  particulars: Particulars | null,
  { entry, former }: { entry: DlqEntry | null; former: FormerEntry | null },
  waiting: Waiting | null,
): StoryEvent[] {
  const past: StoryEvent[] = [
    received(story.receivedAt, particulars?.writtenAtMs ?? null),
    resolved(story),
    ...failures(story, particulars?.attemptsBefore ?? 0),
    ...(former === null ? [] : wasParked(former)),
    ...(entry === null ? [] : [parked(entry)]),
  ];
  past.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  // The expected event stays last, even if its time is over already.
  return [...past, ...ending(story, entry, waiting)];
}
