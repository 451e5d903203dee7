import { type DlqEntry, type DlqReason, isUuid } from '@contour/contract';
import type { Producer, QueuedNote } from '@contour/queue';
import {
  deadLetters,
  findFormer,
  findParticulars,
  findStoriesByTrace,
  findStory,
  findWaiting,
  type Pool,
  type Story,
} from '@contour/store';
import { eventsOf, parked, received, type StoryEvent } from './events.ts';

/** Where a message may be found. */
export type StorySources = ReturnType<typeof storySources>;

export function storySources(pool: Pool, { findQueued }: Pick<Producer, 'findQueued'>) {
  const { get, byTrace } = deadLetters(pool);
  return {
    story: (messageId: string) => findStory(pool, messageId),
    storiesOfTrace: (traceId: string) => findStoriesByTrace(pool, traceId),
    particulars: (story: Story) => findParticulars(pool, story),
    waiting: (story: Story) => findWaiting(pool, story),
    entry: get,
    entriesOfTrace: byTrace,
    former: (messageId: string) => findFormer(pool, messageId),
    queued: findQueued,
  };
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

async function tellStory(sources: StorySources, story: Story): Promise<MessageStory> {
  const [particulars, entry, former, waiting] = await Promise.all([
    sources.particulars(story),
    sources.entry(story.messageId),
    sources.former(story.messageId),
    story.state === 'pending' ? sources.waiting(story) : null,
  ]);
  const { messageId, traceId, state, tenantId, clientId, dialogId, attempts } = story;
  return {
    ...{ messageId, traceId, state, tenantId, clientId, dialogId, attempts },
    channel: particulars?.channel ?? null,
    chat: particulars?.externalChatId ?? null,
    tenantName: particulars?.tenantName ?? null,
    tenantIsActive: particulars?.tenantIsActive ?? null,
    text: particulars?.text ?? null,
    parkedAs: null,
    events: eventsOf(story, particulars, { entry, former }, waiting),
  };
}

/** A message that is only in the dead-letter queue; undefined where it could not be read. */
function tellParked(entry: DlqEntry): MessageStory | undefined {
  const { message, tenantId, clientId, dialogId, attempts } = entry;
  if (message === null) return undefined;
  return {
    messageId: message.messageId,
    traceId: message.traceId,
    state: 'parked',
    channel: message.channel,
    chat: message.externalChatId,
    ...{ tenantId, tenantName: null, tenantIsActive: null, clientId, dialogId, attempts },
    text: message.text,
    parkedAs: { id: entry.id, reason: entry.reason },
    events: [received(entry.receivedAt, message.timestamp), parked(entry)],
  };
}

const tellQueued = ({ messageId, traceId, receivedAt }: QueuedNote): MessageStory => ({
  ...{ messageId, traceId, state: 'queued', channel: null, chat: null },
  ...{ tenantId: null, tenantName: null, tenantIsActive: null, clientId: null, dialogId: null },
  ...{ attempts: 0, text: null, parkedAs: null },
  events: [received(receivedAt, undefined)],
});

async function findById(sources: StorySources, id: string): Promise<MessageStory | undefined> {
  const story = await sources.story(id);
  if (story !== null) return tellStory(sources, story);
  const entry = await sources.entry(id);
  const told = entry === null ? undefined : tellParked(entry);
  if (told !== undefined) return told;
  const note = await sources.queued(id);
  return note === null ? undefined : tellQueued(note);
}

async function findByTrace(sources: StorySources, traceId: string): Promise<MessageStory[]> {
  const found: MessageStory[] = [];
  for (const story of await sources.storiesOfTrace(traceId)) {
    found.push(await tellStory(sources, story));
  }
  const known = new Set(found.map(({ messageId }) => messageId));
  for (const entry of await sources.entriesOfTrace(traceId)) {
    const told = tellParked(entry);
    if (told !== undefined && !known.has(told.messageId)) found.push(told);
  }
  return found;
}

/**
 * The story of a message, searched by its id, or the stories of all messages of a trace. A trace id may
 * have the form of a message id, so an unknown message id is searched as a trace.
 */
export async function findMessages(
  sources: StorySources,
  idOrTrace: string,
): Promise<MessageStory[]> {
  const found = isUuid(idOrTrace) ? await findById(sources, idOrTrace.toLowerCase()) : undefined;
  return found === undefined ? findByTrace(sources, idOrTrace) : [found];
}
