import { AppError, accountOf, type IncomingMessage, type Outcome } from '@contour/contract';
import type { Handled, StreamEntry } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import type { Dlq } from '../dlq/create-dlq.ts';
import type { Resolver } from '../resolve/create-resolver.ts';
import { failedByItself } from '../resolve/failed-by-itself.ts';
import { unreadableLetter } from '../resolve/unreadable-letter.ts';
import { type Unresolved, unresolvedLetter } from '../resolve/unresolved-letter.ts';
import { type EntryReading, readEntry } from './read-entry.ts';

/** An entry that has not come to an end by this delivery is parked. */
const MAX_DELIVERIES = 8;

interface EntriesDeps {
  resolveAll: Resolver['resolveAll'];
  dlq: Pick<Dlq, 'park'>;
  logger: Logger;
}

interface Readable {
  entry: StreamEntry;
  message: IncomingMessage;
}

const isUnresolved = (outcome: Outcome): outcome is Unresolved => !('receipt' in outcome);

const chatOf = (message: IncomingMessage) => `${accountOf(message)} ${message.externalChatId}`;

async function parkUnreadable(
  { dlq }: EntriesDeps,
  { shard, id, addedAt, deliveries }: StreamEntry,
  { data, faults }: Extract<EntryReading, { ok: false }>,
): Promise<void> {
  const job = { id: `stream ${shard} ${id}`, data, timestampMs: addedAt.getTime() };
  const origin = `entry ${id} of contour:resolve:${shard}`;
  await dlq.park(unreadableLetter({ ...job, started: deliveries }, faults, origin));
}

/** Nobody is there to be told: whatever cannot be resolved waits in the dead-letter queue. */
async function parkUnresolved(
  { dlq, logger }: EntriesDeps,
  { entry, message }: Readable,
  outcome: Unresolved | { kind: 'stalled' },
  explanation?: string,
): Promise<void> {
  const letter = unresolvedLetter(message, outcome, entry.deliveries, explanation);
  if ((await dlq.park(letter)) === 'parked') return;
  logger.warn({ message_id: message.messageId }, 'resolve.not_parked');
}

/** What cannot be read, or was handed out too often. */
function parkOther(deps: EntriesDeps, entry: StreamEntry, reading: EntryReading): Promise<void> {
  if (!reading.ok) return parkUnreadable(deps, entry, reading);
  const explanation = `handed out ${entry.deliveries} times without coming to an end`;
  return parkUnresolved(
    deps,
    { entry, message: reading.message },
    { kind: 'stalled' },
    explanation,
  );
}

/** If parking fails, the entry is delivered again later, and the entries behind it continue. */
async function endParked(
  { logger }: EntriesDeps,
  { id }: StreamEntry,
  handled: Handled,
  park: () => Promise<void>,
): Promise<void> {
  try {
    await park();
    handled.ended.push(id);
  } catch (err) {
    logger.warn({ err, entry: id }, 'stream.postponed');
    handled.held.push({ id, chat: id, counts: true });
  }
}

async function endOne(
  deps: EntriesDeps,
  item: Readable,
  ending: Outcome | AppError,
  handled: Handled,
): Promise<void> {
  const { entry, message } = item;
  if (!(ending instanceof AppError)) {
    if (isUnresolved(ending)) {
      return endParked(deps, entry, handled, () => parkUnresolved(deps, item, ending));
    }
    handled.ended.push(entry.id);
    return;
  }
  const counts = failedByItself(ending);
  if (counts && entry.deliveries >= MAX_DELIVERIES) {
    return endParked(deps, entry, handled, () =>
      parkUnresolved(deps, item, { kind: 'stalled' }, ending.message),
    );
  }
  handled.held.push({ id: entry.id, chat: chatOf(message), counts });
  if (!counts) return;
  const { deliveries } = entry;
  deps.logger.warn({ err: ending, message_id: message.messageId, deliveries }, 'stream.postponed');
}

async function resolveReadable(
  deps: EntriesDeps,
  readable: readonly Readable[],
  handled: Handled,
): Promise<void> {
  if (readable.length === 0) return;
  const endings = await deps.resolveAll(readable.map(({ message }) => message));
  // All at once, so that they are parked in one statement.
  await Promise.all(
    readable.map(async (item, i) => {
      const ending = endings[i];
      if (ending !== undefined) await endOne(deps, item, ending, handled);
    }),
  );
}

/**
 * Handles a batch of entries in their order: resolves them, and parks those that cannot be resolved. An entry that fails
 * for a temporary reason holds back only the later entries of its chat.
 */
export async function handleEntries(
  deps: EntriesDeps,
  entries: readonly StreamEntry[],
  heldChats: ReadonlySet<string>,
): Promise<Handled> {
  const handled: Handled = { ended: [], held: [] };
  const readable: Readable[] = [];
  const others: Array<{ entry: StreamEntry; reading: EntryReading }> = [];
  for (const entry of entries) {
    const reading = readEntry(entry);
    if (!reading.ok || entry.deliveries > MAX_DELIVERIES) others.push({ entry, reading });
    else if (heldChats.has(chatOf(reading.message))) {
      handled.held.push({ id: entry.id, chat: chatOf(reading.message), counts: false });
    } else readable.push({ entry, message: reading.message });
  }
  // Parking comes last, so that it does not delay the entries that can be resolved.
  await resolveReadable(deps, readable, handled);
  for (const { entry, reading } of others) {
    await endParked(deps, entry, handled, () => parkOther(deps, entry, reading));
  }
  return handled;
}
