import { type DlqEntry, type DlqReason, type IncomingMessage, isUuid } from '@contour/contract';
import type { QueuedNote } from '@contour/queue/jobs';
import type { Producer } from '@contour/queue/producer';
import type { Database } from '@contour/store/database';
import { deadLetters, findFormer } from '@contour/store/dead-letters';
import {
  findParticulars,
  findStoriesByTrace,
  findStory,
  findWaiting,
  type Particulars,
  type Story,
} from '@contour/store/messages';
import { boundTo } from '../bound.ts';
import { eventsOf, parked, received, type StoryEvent } from './events.ts';

/** Where a message may be found. */
export type StorySources = ReturnType<typeof storySources>;

export function storySources(pool: Database, { findQueued }: Pick<Producer, 'findQueued'>) {
  const { get, byTrace } = deadLetters(pool);
  const bound = boundTo(pool);
  return {
    story: bound(findStory),
    storiesOfTrace: bound(findStoriesByTrace),
    particulars: bound(findParticulars),
    waiting: bound(findWaiting),
    entry: get,
    entriesOfTrace: byTrace,
    former: bound(findFormer),
    queued: findQueued,
  };
}

/** The places of all messages, without what only their stories need. */
export type Places = Pick<
  StorySources,
  'story' | 'storiesOfTrace' | 'entry' | 'entriesOfTrace' | 'queued'
>;

/** A message in the ledger; only in the dead-letter queue; or queued, of which only a note is known. */
export type Found = { story: Story } | { parked: Readable } | { note: QueuedNote };

/** An entry that could not be read has no message. */
type Readable = DlqEntry & { message: IncomingMessage };

const isReadable = (entry: DlqEntry | null): entry is Readable =>
  entry !== null && entry.message !== null;

/** Looks into the ledger first, then into the dead-letter queue, then at the notes of queued messages. */
export async function locateMessage(places: Places, id: string): Promise<Found | undefined> {
  const story = await places.story(id);
  if (story !== null) return { story };
  const entry = await places.entry(id);
  if (isReadable(entry)) return { parked: entry };
  const note = await places.queued(id);
  return note === null ? undefined : { note };
}

/** The messages of a trace: those in the ledger, then those that are only in the dead-letter queue. */
export async function locateTrace(places: Places, traceId: string): Promise<Found[]> {
  const [stories, entries] = await Promise.all([
    places.storiesOfTrace(traceId),
    places.entriesOfTrace(traceId),
  ]);
  const known = new Set(stories.map(({ messageId }) => messageId));
  const others = entries.filter(isReadable).filter(({ message }) => !known.has(message.messageId));
  return [...stories.map((story) => ({ story })), ...others.map((entry) => ({ parked: entry }))];
}

/** A message and its way so far. Unknown values are null. */
export interface MessageStory {
  messageId: string;
  traceId: string;
  state: Story['state'] | 'queued' | 'parked';
  channel: string | null;
  chat: string | null;
  tenantId: string | null;
  tenantName: string | null;
  tenantIsActive: boolean | null;
  clientId: string | null;
  dialogId: string | null;
  attempts: number;
  text: string | null;
  /** The entry of a message that is only in the dead-letter queue. */
  parkedAs: { id: string; reason: DlqReason } | null;
  events: StoryEvent[];
}

const surroundings = ({ externalChatId: chat, ...known }: Particulars) => {
  const { channel, tenantName, tenantIsActive, text } = known;
  return { channel, chat, tenantName, tenantIsActive, text };
};

async function tellStory(sources: StorySources, story: Story): Promise<MessageStory> {
  const [particulars, entry, former, waiting] = await Promise.all([
    sources.particulars(story),
    sources.entry(story.messageId),
    sources.former(story.messageId),
    story.state === 'pending' ? sources.waiting(story) : null,
  ]);
  const { messageId, traceId, state, tenantId, clientId, dialogId, attempts } = story;
  return {
    ...UNKNOWN,
    ...{ messageId, traceId, state, tenantId, clientId, dialogId, attempts },
    ...(particulars && surroundings(particulars)),
    events: eventsOf(story, particulars, { entry, former }, waiting),
  };
}

const UNKNOWN = {
  ...{ channel: null, chat: null, tenantId: null, tenantName: null, tenantIsActive: null },
  ...{ clientId: null, dialogId: null, attempts: 0, text: null, parkedAs: null },
};

function tellParked(entry: Readable): MessageStory {
  const { id, reason, message, tenantId, clientId, dialogId, attempts } = entry;
  const { messageId, traceId, channel, externalChatId: chat, text } = message;
  return {
    ...UNKNOWN,
    ...{ messageId, traceId, state: 'parked', channel, chat, text },
    ...{ tenantId, clientId, dialogId, attempts },
    parkedAs: { id, reason },
    events: [received(entry.receivedAt, message.writtenAtMs), parked(entry)],
  };
}

async function tell(sources: StorySources, found: Found): Promise<MessageStory> {
  if ('story' in found) return tellStory(sources, found.story);
  if ('parked' in found) return tellParked(found.parked);
  const { messageId, traceId, receivedAt } = found.note;
  const events = [received(receivedAt, null)];
  return { ...UNKNOWN, messageId, traceId, state: 'queued', events };
}

/**
 * The story of a message, searched by its id, or the stories of all messages of a trace. A trace id may
 * have the form of a message id, so an unknown message id is searched as a trace.
 */
export async function findMessages(
  sources: StorySources,
  idOrTrace: string,
): Promise<MessageStory[]> {
  const message = isUuid(idOrTrace)
    ? await locateMessage(sources, idOrTrace.toLowerCase())
    : undefined;
  const found = message === undefined ? await locateTrace(sources, idOrTrace) : [message];
  const told: MessageStory[] = [];
  for (const one of found) told.push(await tell(sources, one));
  return told;
}
