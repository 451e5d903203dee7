import type { DlqEntry } from '@contour/contract';
import type { FormerEntry, Particulars, Story, Waiting } from '@contour/store';

/** A past or an expected event of a message. */
export interface StoryEvent {
  at: string;
  what:
    | 'received'
    | 'resolved'
    | 'attempt failed'
    | 'delivered'
    | 'dead'
    | 'parked'
    | 'let in'
    | 'cleared'
    | 'next attempt'
    | 'waiting';
  detail: string;
}

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
export function received(at: string, writtenAt: string | undefined): StoryEvent {
  const delayMs = writtenAt === undefined ? 0 : Date.parse(at) - Date.parse(writtenAt);
  const late = `${durationText(Math.abs(delayMs))} ${delayMs > 0 ? 'after' : 'before'} it was written`;
  return { at, what: 'received', detail: delayMs === 0 || Number.isNaN(delayMs) ? '' : late };
}

export const parked = ({ failedAt, reason, error }: DlqEntry): StoryEvent => ({
  at: failedAt,
  what: 'parked',
  detail: `${reason}: ${error.message}`,
});

const WHY_CLEARED = {
  cleared: 'its entry was removed by an operator',
  dropped: 'its entry was dropped to limit the entries of unknown credentials',
  erased: 'its entry was erased',
};

/** Parked once, and no longer in the dead-letter queue. */
function wasParked({ reason, failedAt, leftAt, leaving }: FormerEntry): StoryEvent[] {
  const left: StoryEvent =
    leaving === 'let_in'
      ? { at: leftAt, what: 'let in', detail: 'its entry left the dead-letter queue' }
      : { at: leftAt, what: 'cleared', detail: WHY_CLEARED[leaving] };
  return [{ at: failedAt, what: 'parked', detail: reason }, left];
}

function resolved({ resolvedAt, matchedBy, isNewDialog, seq }: Story): StoryEvent {
  const dialog = isNewDialog ? 'new dialog' : 'open dialog';
  const detail = `${MATCHED_BY[matchedBy]}, ${dialog}, seq ${seq}`;
  return { at: resolvedAt, what: 'resolved', detail };
}

function failures({ failedAttempts }: Story, attemptsBefore: number): StoryEvent[] {
  return failedAttempts.map(({ at, code, ms }, index) => {
    const again = index === attemptsBefore && index > 0 ? ', the first one since its replay' : '';
    return {
      at,
      what: 'attempt failed' as const,
      detail: `attempt ${index + 1}: ${code} after ${durationText(ms)}${again}`,
    };
  });
}

function waits(waiting: Waiting, attempt: number): StoryEvent {
  const { dueAt, isDue, ahead, head } = waiting;
  if (ahead === 0) {
    return {
      at: dueAt,
      what: 'next attempt',
      detail: `attempt ${attempt}${isDue ? ', due now' : ''}`,
    };
  }
  const count = ahead >= 1000 ? '1000 or more' : String(ahead);
  const why = head.lastError === null ? '' : `, which failed with ${head.lastError}`;
  return {
    at: dueAt,
    what: 'waiting',
    detail: `${count} of its dialog go first; next is seq ${head.seq}, ${head.messageId}${why}`,
  };
}

/** How a message ended, or what it waits for. */
function ending(story: Story, entry: DlqEntry | null, waiting: Waiting | null): StoryEvent[] {
  const { state, attempts, deliveredAt, failedAttempts } = story;
  if (state === 'delivered') {
    const detail = `attempt ${attempts}`;
    return [{ at: deliveredAt ?? story.resolvedAt, what: 'delivered', detail }];
  }
  if (state === 'dead') {
    const at = failedAttempts.at(-1)?.at ?? story.resolvedAt;
    const detail =
      entry === null
        ? 'given up; its dead-letter entry has been cleared'
        : `given up after ${attempts} attempts`;
    return [{ at, what: 'dead', detail }];
  }
  return waiting === null ? [] : [waits(waiting, attempts + 1)];
}

const inOrder = (events: StoryEvent[]): StoryEvent[] =>
  events.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));

/** All that Postgres knows of an accepted message, in order of time. */
export function eventsOf(
  story: Story,
  particulars: Particulars | null,
  { entry, former }: { entry: DlqEntry | null; former: FormerEntry | null },
  waiting: Waiting | null,
): StoryEvent[] {
  const past = [
    received(story.receivedAt, particulars?.timestamp),
    resolved(story),
    ...failures(story, particulars?.attemptsBefore ?? 0),
    ...(former === null ? [] : wasParked(former)),
    ...(entry === null ? [] : [parked(entry)]),
  ];
  // The expected event stays last, even if its time is over already.
  return [...inOrder(past), ...ending(story, entry, waiting)];
}
