import type { Redis } from 'ioredis';
import { plausibleTime, TooLong } from '../jobs/consumer.ts';
import { leaseKey, releaseShard } from '../presence/leases.ts';
import { type FailFastRedis, loadScript } from '../redis/connect.ts';

export const GROUP = 'contour';
/**
 * All owners of a shard are one consumer of the group. So the entries that one owner leaves pending belong to the next
 * one, in order, and need not be claimed.
 */
const CONSUMER = 'owner';
export const streamKey = (shard: number) => `contour:resolve:${shard}`;
/** Counts what was done and lost, so that entries which another program removed are noticed. */
const tallyKey = (shard: number) => `contour:resolve:${shard}:tally`;

/** After this many deliveries a batch is retried entry by entry. */
const SUSPICIOUS_DELIVERIES = 3;
/** Pending entries of another consumer are claimed after this time. */
const FORGOTTEN_AFTER_MS = 10_000;

/** The limit of a request. A longer entry is parked by its length and never read. */
export const MAX_ENTRY_BYTES = 256 * 1024;
/** Limit of one reading. A batch may have 256 entries, and a worker reads several shards. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** How many entries fit into a batch, whatever their length. */
export const ANY_BATCH = MAX_BATCH_BYTES / MAX_ENTRY_BYTES;

const load = (...files: string[]) => loadScript(import.meta.dirname, ...files);
const READ = load('tally.lua', 'message-of.lua', 'read-entries.lua');
const CLAIM = load('message-of.lua', 'claim-entries.lua');
const END = load('end-entries.lua');
const MARK_REPORTED = load('mark-reported.lua');
const FACTS = load('tally.lua', 'shard-facts.lua');

export interface StreamEntry {
  shard: number;
  id: string;
  /** The field `message`: undefined if it is absent, its length if it is too long. */
  message: Buffer | TooLong | undefined;
  /** When Redis took it. */
  addedAt: Date;
  /** How often it was delivered, this time included. */
  deliveries: number;
}

/** Entries that another program removed before they were done, and that were not reported yet. */
export interface Loss {
  entries: number;
  /** Whether the stream itself was deleted. What was added after the last look is then not in the figure. */
  wasDeleted: boolean;
  /** All that was ever lost, and how often the stream was deleted. */
  total: { entries: number; deletions: number };
}

type RawEntry = [id: Buffer, what: Buffer, message: Buffer | number];
type RawTally = [lost: number, reported: number, deletions: number, deletionsReported: number];
type RawReading = [kind: Buffer, deliveries: number[], entries: RawEntry[], tally: RawTally];
type RawClaim = [kind: Buffer, entries: RawEntry[]];

/** The time of an entry's id, unless its producer chose the id. */
const timeOf = (id: string) => new Date(plausibleTime(Number(id.split('-')[0])));

function lossOf([lost, reported, deletions, deletionsReported]: RawTally): Loss | null {
  if (lost === reported && deletions === deletionsReported) return null;
  return {
    entries: lost - reported,
    wasDeleted: deletions > deletionsReported,
    total: { entries: lost, deletions },
  };
}

function entryOf(shard: number, deliveries: number, [rawId, what, raw]: RawEntry): StreamEntry {
  const id = rawId.toString();
  const known = what.toString() === 'message' ? raw : undefined;
  const message = typeof raw === 'number' ? new TooLong(raw) : (known as Buffer | undefined);
  return { shard, id, deliveries, addedAt: timeOf(id), message };
}

interface ReadOptions {
  /**
   * `left`: entries that a former owner, or another consumer of the group, left pending. `new`: entries that no
   * consumer has read. `look back`: new ones, after claiming entries that another consumer left pending.
   */
  from: 'new' | 'look back' | 'left';
  count: number;
  /** For `left`: only entries behind this one. */
  after?: string;
  /** How many pending entries the owner holds itself. */
  held?: number;
}

/** Removes entries that are done from the group and the stream. */
export const endEntries = (client: Redis, shard: number, ids: readonly string[]) =>
  END.run(client, [streamKey(shard), tallyKey(shard)], [GROUP, ...ids]);

export type Shard = ReturnType<typeof openShard>;

/** What the owner of a shard does with its entries in Redis. */
export function openShard(
  { client, ask }: Pick<FailFastRedis, 'client' | 'ask'>,
  owner: string,
  shard: number,
) {
  const stream = streamKey(shard);
  return {
    shard,
    /**
     * Reads the next entries. Only the owner gets any. `left first`: nothing was read, because other entries are
     * pending, and have to be read first. `trimmed` has the ids of pending entries that the stream has no more.
     */
    async read({ from, count, after = '0-0', held = 0 }: ReadOptions) {
      const keys = [leaseKey(shard), stream, tallyKey(shard)];
      const place = [owner, GROUP, CONSUMER, count, from, after, held];
      const limits = [SUSPICIOUS_DELIVERIES, FORGOTTEN_AFTER_MS];
      const args = [...place, ...limits, MAX_ENTRY_BYTES, MAX_BATCH_BYTES];
      const answer = await ask(() => READ.runForBuffers(client, keys, args));
      const [rawKind, deliveries, raw, tally] = answer as RawReading;
      const kind = rawKind.toString();
      if (kind === 'not ours' || kind === 'left first') return { kind } as const;
      const entries: StreamEntry[] = [];
      const trimmed: string[] = [];
      for (const [at, entry] of raw.entries()) {
        if (entry[1].toString() === 'trimmed') trimmed.push(entry[0].toString());
        else entries.push(entryOf(shard, deliveries[at] ?? 1, entry));
      }
      return { kind: 'read', loss: lossOf(tally), entries, trimmed } as const;
    },
    /**
     * Delivers held entries again, at most ANY_BATCH of them. Redis counts the delivery. Returns null if the worker is
     * no longer the owner.
     */
    async claim(held: ReadonlyArray<{ id: string; deliveries: number }>) {
      const earlier = new Map(held.map(({ id, deliveries }) => [id, deliveries]));
      const args = [owner, MAX_ENTRY_BYTES, GROUP, CONSUMER, ...earlier.keys()];
      const answer = await ask(() => CLAIM.runForBuffers(client, [leaseKey(shard), stream], args));
      const [kind, raw] = answer as RawClaim;
      if (kind.toString() === 'not ours') return null;
      return raw.map((one) => entryOf(shard, (earlier.get(one[0].toString()) ?? 0) + 1, one));
    },
    end: (ids: readonly string[]) => ask(() => endEntries(client, shard, ids)),
    /** Takes back the count of a delivery. The entries stay pending: they were not tried, so they did not fail. */
    uncount(ids: readonly string[], deliveries: number) {
      const settings = ['RETRYCOUNT', deliveries - 1, 'JUSTID'] as const;
      return ask(() => client.xclaim(stream, GROUP, CONSUMER, 0, ...ids, ...settings));
    },
    /** Removes pending entries from the group that are not in the stream any more. They count as lost. */
    forgetTrimmed: (ids: readonly string[]) => ask(() => client.xack(stream, GROUP, ...ids)),
    /** Notes that a loss was reported. Until then every reading returns it again. */
    markReported: ({ total: { entries, deletions } }: Loss) =>
      ask(() => MARK_REPORTED.run(client, [tallyKey(shard)], [entries, deletions])),
    release: () => ask(() => releaseShard(client, owner, shard)),
  };
}

/** The state of one shard. */
export interface StreamFacts {
  shard: number;
  /** Entries in the stream, read or not. */
  length: number;
  /** Read and not done yet. */
  pending: number;
  /** Not read yet. */
  lag: number;
  /** The worker that reads it; null if none does. */
  owner: string | null;
  /** Entries that another program removed before they were done, ever. */
  lost: number;
}

export const readStreamFacts = (client: Redis, shardCount: number): Promise<StreamFacts[]> =>
  Promise.all(
    Array.from({ length: shardCount }, async (_, shard) => {
      const keys = [streamKey(shard), leaseKey(shard), tallyKey(shard)];
      const facts = await FACTS.run(client, keys, [GROUP]);
      const [length, pending, owner, lost] = facts as [number, number, string | null, number];
      return { shard, length, pending, lag: Math.max(0, length - pending), owner, lost };
    }),
  );
