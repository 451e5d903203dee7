import type { DlqEntry } from '@contour/contract';
import type { FormerEntry, Particulars, Story, Waiting } from '@contour/store';
import { durationText } from '../duration-text.ts';

/** One thing that happened to a message, or that is about to. */
export interface Event {
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

const HOW = {
  identity: 'client known by its channel',
  phone: 'client known by its phone',
  created: 'new client',
} as const;

/** Received, and how long after the time that its sender wrote on it. */
export function received(at: string, writtenAt: string | undefined): Event {
  const delayMs = writtenAt === undefined ? 0 : Date.parse(at) - Date.parse(writtenAt);
  const late = `${durationText(Math.abs(delayMs))} ${delayMs > 0 ? 'after' : 'before'} it was written`;
  return { at, what: 'received', detail: delayMs === 0 || Number.isNaN(delayMs) ? '' : late };
}

export const parked = ({ failedAt, reason, error }: DlqEntry): Event => ({
  at: failedAt,
  what: 'parked',
  detail: `${reason}: ${error.message}`,
});

const WHY_CLEARED = {
  cleared: 'its entry was removed by an operator',
  dropped: 'its entry was dropped to keep the bound of unknown credentials',
  erased: 'its entry was erased',
};

/** Parked once, and gone from the dead-letter queue since. */
function wasParked({ reason, failedAt, leftAt, leaving }: FormerEntry): Event[] {
  const left: Event =
    leaving === 'let_in'
      ? { at: leftAt, what: 'let in', detail: 'its entry left the dead-letter queue' }
      : { at: leftAt, what: 'cleared', detail: WHY_CLEARED[leaving] };
  return [{ at: failedAt, what: 'parked', detail: reason }, left];
}

function resolved({ resolvedAt, matchedBy, isNewDialog, seq }: Story): Event {
  const dialog = isNewDialog ? 'new dialog' : 'open dialog';
  return { at: resolvedAt, what: 'resolved', detail: `${HOW[matchedBy]}, ${dialog}, seq ${seq}` };
}

function failures({ failedAttempts }: Story, attemptsBefore: number): Event[] {
  return failedAttempts.map(({ at, code, ms }, index) => {
    const again = index === attemptsBefore && index > 0 ? ', the first one since its replay' : '';
    return {
      at,
      what: 'attempt failed' as const,
      detail: `attempt ${index + 1}: ${code} after ${durationText(ms)}${again}`,
    };
  });
}

function waits(waiting: Waiting, tellsAttempt: number): Event {
  const { dueAt, isDue, ahead, head } = waiting;
  if (ahead === 0) {
    const detail = `attempt ${tellsAttempt}${isDue ? ', due now' : ''}`;
    return { at: dueAt, what: 'next attempt', detail };
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
function ending(story: Story, entry: DlqEntry | null, waiting: Waiting | null): Event[] {
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

const inOrder = (events: Event[]): Event[] =>
  events.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));

/** All that Postgres and the dead-letter queue know of a message that was accepted, in order of time. */
export function eventsOf(
  story: Story,
  particulars: Particulars | null,
  { entry, former }: { entry: DlqEntry | null; former: FormerEntry | null },
  waiting: Waiting | null,
): Event[] {
  const past = [
    received(story.receivedAt, particulars?.timestamp),
    resolved(story),
    ...failures(story, particulars?.attemptsBefore ?? 0),
    ...(former === null ? [] : wasParked(former)),
    ...(entry === null ? [] : [parked(entry)]),
  ];
  // What is to come stays last, also when its time is over and nobody has come to it yet.
  return [...inOrder(past), ...ending(story, entry, waiting)];
}
