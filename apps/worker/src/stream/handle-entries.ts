import { AppError, type IncomingMessage, type Outcome } from '@contour/contract';
import type { StreamEntry } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import type { Dlq } from '../dlq/create-dlq.ts';
import type { Resolver } from '../resolve/create-resolver.ts';
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

/** False when it could not be parked: it comes again, and the others of its batch go on. */
async function endsParked(
  { logger }: EntriesDeps,
  entryId: string,
  park: () => Promise<void>,
): Promise<boolean> {
  try {
    await park();
    return true;
  } catch (err) {
    logger.warn({ err, entry: entryId }, 'stream.postponed');
    return false;
  }
}

/** False when it has to be tried again. */
async function endOne(
  deps: EntriesDeps,
  item: Readable,
  ending: Outcome | AppError,
): Promise<boolean> {
  if (!(ending instanceof AppError)) {
    if (!isUnresolved(ending)) return true;
    return endsParked(deps, item.entry.id, () => parkUnresolved(deps, item, ending));
  }
  if (item.entry.deliveries < MAX_DELIVERIES) {
    deps.logger.warn({ err: ending, message_id: item.message.messageId }, 'stream.postponed');
    return false;
  }
  return endsParked(deps, item.entry.id, () =>
    parkUnresolved(deps, item, { kind: 'stalled' }, ending.message),
  );
}

async function resolveReadable(deps: EntriesDeps, readable: readonly Readable[]) {
  if (readable.length === 0) return [];
  const endings = await deps.resolveAll(readable.map(({ message }) => message));
  // All at once, in their order: what has to be parked goes together.
  const haveEnded = await Promise.all(
    readable.map((item, i) => {
      const ending = endings[i];
      return ending !== undefined && endOne(deps, item, ending);
    }),
  );
  return readable.filter((_, i) => haveEnded[i]).map(({ entry }) => entry.id);
}

/**
 * Deals with a batch of entries, in their order: resolves, and parks what cannot be resolved. Resolves
 * with the ids of those that have come to an end.
 */
export async function handleEntries(
  deps: EntriesDeps,
  entries: readonly StreamEntry[],
): Promise<string[]> {
  const readable: Readable[] = [];
  const others: Array<{ entry: StreamEntry; reading: EntryReading }> = [];
  for (const entry of entries) {
    const reading = readEntry(entry);
    if (reading.ok && entry.deliveries <= MAX_DELIVERIES) {
      readable.push({ entry, message: reading.message });
    } else others.push({ entry, reading });
  }
  // What can go on goes first: a full Redis takes no dead letters, but room comes with every entry done.
  const ended = await resolveReadable(deps, readable);
  for (const { entry, reading } of others) {
    if (await endsParked(deps, entry.id, () => parkOther(deps, entry, reading))) {
      ended.push(entry.id);
    }
  }
  return ended;
}
