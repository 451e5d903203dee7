import {
  AppError,
  accountOf,
  checkIncoming,
  type DlqEntry,
  type IncomingMessage,
  parseBody,
} from '@contour/contract';
import { TooLong } from '@contour/queue/jobs';
import {
  type BatchOutcome,
  createStreamConsumer,
  MAX_ENTRY_BYTES,
  type StreamEntry,
} from '@contour/queue/streams';
import type { Logger } from '@contour/runtime';
import type { Ending } from '@contour/store/resolve';
import type { Dlq } from '../dlq/dlq.ts';
import { givenUpLetter, type Reading, unresolvedLetter } from '../dlq/letters.ts';
import { failedByItself } from '../failures.ts';
import type { Resolver } from '../resolve/resolver.ts';
import type { Role, WorkerParts } from '../worker-parts.ts';

/** An entry that is handed out this often and fails again is parked. */
const MAX_DELIVERIES = 8;

/** Resolves the messages that other services write to the Redis streams. */
export function openStreamRole({ id, env, redis, resolver, dlq, logger }: WorkerParts): Role {
  const timezone = env.DEFAULT_TIMEZONE;
  const entriesDeps = { resolveAll: resolver.resolveAll, dlq, logger, timezone };
  const consumer = createStreamConsumer({
    ...redis,
    id,
    shardCount: env.STREAM_SHARDS,
    handle: (entries, heldChats) => handleEntries(entriesDeps, entries, heldChats),
    onFailure: (err) => logger.warn({ err }, 'stream.postponed'),
    onLoss: (shard, { entries, wasDeleted }) =>
      logger.error({ shard, entries, stream_deleted: wasDeleted }, 'stream.lost'),
  });
  return { consumer, duties: [] };
}

interface EntriesDeps {
  /** Of timestamps without an offset. */
  timezone: string;
  resolveAll: Resolver['resolveAll'];
  dlq: Pick<Dlq, 'park'>;
  logger: Pick<Logger, 'warn'>;
}

type Held = BatchOutcome['held'][number];

interface Readable {
  entry: StreamEntry;
  message: IncomingMessage;
}

const chatOf = (message: IncomingMessage) => `${accountOf(message)} ${message.externalChatId}`;

/**
 * Handles a batch of entries in their order: resolves them, and parks those that cannot be resolved, because a stream
 * has no reply. An entry that fails for a temporary reason holds back only the later entries of its chat. Next:
 * `resolveAll` in `resolve/resolver.ts`.
 */
export async function handleEntries(
  deps: EntriesDeps,
  entries: readonly StreamEntry[],
  heldChats: ReadonlySet<string>,
): Promise<BatchOutcome> {
  const { ended, held }: BatchOutcome = { ended: [], held: [] };
  const readable: Readable[] = [];
  const others: Array<{ entry: StreamEntry; reading: Reading }> = [];
  for (const entry of entries) {
    const reading = readEntry(entry, deps.timezone);
    if (!reading.ok || entry.deliveries > MAX_DELIVERIES) others.push({ entry, reading });
    else if (heldChats.has(chatOf(reading.message))) {
      held.push({ id: entry.id, chat: chatOf(reading.message), counts: false });
    } else readable.push({ entry, message: reading.message });
  }
  const note = ({ id }: StreamEntry, end: Held | 'ended') => {
    if (end === 'ended') ended.push(id);
    else held.push(end);
  };
  // Parking comes last, so that it does not delay the entries that can be resolved.
  if (readable.length > 0) {
    const endings = await deps.resolveAll(readable.map(({ message }) => message));
    // All at once, so that they are parked in one statement.
    const ends = endings.map(async (ending, i) => {
      const item = readable[i];
      if (item !== undefined) note(item.entry, await endOf(deps, item, ending));
    });
    await Promise.all(ends);
  }
  for (const { entry, reading } of others) {
    note(entry, await park(deps, entry, () => letterOf(entry, reading)));
  }
  return { ended, held };
}

/** The letter of an entry that cannot be read, or that was handed out too often. */
function letterOf({ shard, id, addedAt, deliveries }: StreamEntry, reading: Reading): DlqEntry {
  const job = { id: `stream ${shard} ${id}`, timestampMs: addedAt.getTime(), started: deliveries };
  const reason = `handed out ${deliveries} times without a result`;
  return givenUpLetter(job, reading, reason, `entry ${id} of contour:resolve:${shard}`);
}

/** If parking fails, the entry is handed out again later, and the entries behind it continue. */
async function park(
  { dlq, logger }: EntriesDeps,
  { id }: StreamEntry,
  makeLetter: () => DlqEntry,
): Promise<Held | 'ended'> {
  try {
    const letter = makeLetter();
    const result = await dlq.park(letter);
    if (result !== 'parked') logger.warn({ message_id: letter.id }, 'resolve.not_parked');
    return 'ended';
  } catch (err) {
    logger.warn({ err, entry: id }, 'stream.postponed');
    return { id, chat: id, counts: true };
  }
}

async function endOf(
  deps: EntriesDeps,
  { entry, message }: Readable,
  ending: Ending,
): Promise<Held | 'ended'> {
  const { id, deliveries } = entry;
  if (!(ending instanceof AppError)) {
    if ('receipt' in ending) return 'ended';
    return park(deps, entry, () => unresolvedLetter(message, ending, deliveries));
  }
  const counts = failedByItself(ending);
  if (counts && deliveries >= MAX_DELIVERIES) {
    const outcome = { kind: 'stalled' } as const;
    return park(deps, entry, () => unresolvedLetter(message, outcome, deliveries, ending.message));
  }
  const message_id = message.messageId;
  if (counts) deps.logger.warn({ err: ending, message_id, deliveries }, 'stream.postponed');
  return { id, chat: chatOf(message), counts };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const unreadable = (data: unknown, message: string, path = ''): Reading => ({
  ok: false,
  data,
  faults: [{ path, message }],
});

/** Reads an entry, or lists its faults. */
function readEntry({ message: bytes, addedAt }: StreamEntry, timezone: string): Reading {
  if (bytes === undefined) {
    const fault = 'is required: the field of the entry that holds the JSON body';
    return unreadable({}, fault, 'message');
  }
  if (bytes instanceof TooLong) {
    const fault = `must be at most ${MAX_ENTRY_BYTES} bytes, and has ${bytes.length}`;
    return unreadable(bytes, fault);
  }
  let text: string;
  let body: unknown;
  try {
    text = utf8.decode(bytes);
  } catch {
    return unreadable(bytes.toString(), 'must be UTF-8');
  }
  try {
    body = parseBody(text);
  } catch {
    return unreadable(text, 'must be JSON');
  }
  const checked = checkIncoming(body, addedAt, timezone);
  return checked.ok ? checked : { ok: false, data: body, faults: checked.faults };
}
