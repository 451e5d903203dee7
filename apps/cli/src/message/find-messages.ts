import { type DlqEntry, isUuid } from '@contour/contract';
import type { Producer } from '@contour/queue';
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
import { type Event, eventsOf, parked, received } from './events.ts';

export interface Sources {
  pool: Pool;
  producer: Pick<Producer, 'findQueued'>;
}

/** A message and its way so far. What is not known yet is null. */
export interface Told {
  messageId: string;
  traceId: string;
  state: Story['state'] | 'queued' | 'parked';
  channel: string | null;
  chat: string | null;
  tenantId: string | null;
  tenantName: string | null;
  clientId: string | null;
  dialogId: string | null;
  attempts: number;
  text: string | null;
  /** What an operator should know besides. */
  note: string | null;
  events: Event[];
}

async function tellStory({ pool }: Sources, story: Story): Promise<Told> {
  const [particulars, entry, former, waiting] = await Promise.all([
    findParticulars(pool, story),
    deadLetters(pool).get(story.messageId),
    findFormer(pool, story.messageId),
    story.state === 'pending' ? findWaiting(pool, story) : null,
  ]);
  const { messageId, traceId, state, tenantId, clientId, dialogId, attempts } = story;
  return {
    messageId,
    traceId,
    state,
    channel: particulars?.channel ?? null,
    chat: particulars?.externalChatId ?? null,
    tenantId,
    tenantName: particulars?.tenantName ?? null,
    clientId,
    dialogId,
    attempts,
    text: particulars?.text ?? null,
    note:
      particulars?.tenantIsActive === false
        ? 'its tenant is switched off; what was accepted before is delivered all the same'
        : null,
    events: eventsOf(story, particulars, { entry, former }, waiting),
  };
}

/** A message that only the dead-letter queue has; undefined for what nobody could read. */
function tellParked(entry: DlqEntry): Told | undefined {
  const { message } = entry;
  if (message === null) return undefined;
  return {
    messageId: message.messageId,
    traceId: message.traceId,
    state: 'parked',
    channel: message.channel,
    chat: message.externalChatId,
    tenantId: entry.tenantId,
    tenantName: null,
    clientId: entry.clientId,
    dialogId: entry.dialogId,
    attempts: entry.attempts,
    text: message.text,
    note:
      entry.reason === 'unknown_tenant'
        ? `contour channel add <tenant> ${message.channel} lets it in by itself`
        : `contour dlq replay ${entry.id} sends it in again`,
    events: [received(entry.receivedAt, message.timestamp), parked(entry)],
  };
}

async function findById(sources: Sources, id: string): Promise<Told | undefined> {
  const story = await findStory(sources.pool, id);
  if (story !== null) return tellStory(sources, story);
  const entry = await deadLetters(sources.pool).get(id);
  const told = entry === null ? undefined : tellParked(entry);
  if (told !== undefined) return told;
  const note = await sources.producer.findQueued(id);
  if (note === null) return undefined;
  return {
    messageId: note.messageId,
    traceId: note.traceId,
    state: 'queued',
    channel: null,
    chat: null,
    tenantId: null,
    tenantName: null,
    clientId: null,
    dialogId: null,
    attempts: 0,
    text: null,
    note: 'it waits to be resolved: nothing else is known yet',
    events: [received(note.receivedAt, undefined)],
  };
}

async function* findByTrace(sources: Sources, traceId: string): AsyncGenerator<Told> {
  const stories = await findStoriesByTrace(sources.pool, traceId);
  const known = new Set(stories.map(({ messageId }) => messageId));
  for (const story of stories) yield tellStory(sources, story);
  for (const entry of await deadLetters(sources.pool).byTrace(traceId)) {
    const told = known.has(entry.message?.messageId ?? '') ? undefined : tellParked(entry);
    if (told !== undefined) yield told;
  }
}

/** By message id, else by trace: a trace id may look like a message's. Nothing where it is unknown. */
export async function* findMessages(sources: Sources, idOrTrace: string): AsyncGenerator<Told> {
  const told = isUuid(idOrTrace) ? await findById(sources, idOrTrace.toLowerCase()) : undefined;
  if (told !== undefined) yield told;
  else yield* findByTrace(sources, idOrTrace);
}
