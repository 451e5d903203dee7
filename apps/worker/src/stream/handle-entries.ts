import { AppError, type IncomingMessage, type Outcome } from '@contour/contract';
import type { Dlq, StreamEntry } from '@contour/queue';
import type { Logger } from '@contour/runtime';
import type { Resolver } from '../resolve/create-resolver.ts';
import { unreadableLetter } from '../resolve/unreadable-letter.ts';
import { type Unresolved, unresolvedLetter } from '../resolve/unresolved-letter.ts';
import { readEntry } from './read-entry.ts';

/** Handed out so often, an entry has taken down whoever took it. */
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

/** Nobody is there to be told: whatever cannot be resolved waits in the dead-letter queue. */
async function parkUnreadable(
  { dlq }: EntriesDeps,
  entry: StreamEntry,
  { data, faults }: Extract<ReturnType<typeof readEntry>, { ok: false }>,
): Promise<void> {
  const { shard, id, addedAt, deliveries } = entry;
  const job = { id: `stream ${shard} ${id}`, data, timestampMs: addedAt.getTime() };
  await dlq.park(unreadableLetter({ ...job, started: deliveries }, faults));
}

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

async function resolveReadable(deps: EntriesDeps, readable: readonly Readable[]): Promise<void> {
  if (readable.length === 0) return;
  const endings = await deps.resolveAll(readable.map(({ message }) => message));
  // First everything that ended well or can be parked; what failed alone comes again by itself.
  let failure: AppError | undefined;
  for (const [i, ending] of endings.entries()) {
    const item = readable[i];
    if (item === undefined) continue;
    if (ending instanceof AppError) failure ??= ending;
    else if (isUnresolved(ending)) await parkUnresolved(deps, item, ending);
  }
  if (failure) throw failure;
}

/** Deals with a batch of entries, in their order: resolves, and parks what cannot be resolved. */
export async function handleEntries(
  deps: EntriesDeps,
  entries: readonly StreamEntry[],
): Promise<void> {
  const readable: Readable[] = [];
  for (const entry of entries) {
    const reading = readEntry(entry);
    if (!reading.ok) await parkUnreadable(deps, entry, reading);
    else if (entry.deliveries > MAX_DELIVERIES) {
      const explanation = `handed out ${entry.deliveries} times without coming to an end`;
      await parkUnresolved(
        deps,
        { entry, message: reading.message },
        { kind: 'stalled' },
        explanation,
      );
    } else readable.push({ entry, message: reading.message });
  }
  await resolveReadable(deps, readable);
}
