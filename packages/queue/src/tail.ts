import { randomUUID } from 'node:crypto';
import { connectFailFast, connectPatient, parsedJson, type RedisAccess } from './redis/connect.ts';

/** The live tail: every process publishes here once a second what it counted, while there is a subscriber. */
const TAIL_CHANNEL = 'contour:tail';
const BEAT_MS = 1_000;

/** What can happen to a message. */
export type TailEvent =
  | 'accepted'
  | 'resolved'
  | 'replayed'
  | 'delivered'
  | 'failing'
  | 'dead'
  | `parked:${string}`;

/**
 * Whose message it was: a tenant's id; `<channel>:<fingerprint>` of an account whose tenant is not known yet; empty
 * where nothing is known.
 */
export type TailOwner = string;

/** What one process counted in a second. */
export interface TailBeat {
  v: 1;
  /** The process, new with each start. */
  id: string;
  process: 'api' | 'worker';
  counts: Array<[owner: TailOwner, event: TailEvent, count: number]>;
}

/** Anything but a beat comes from another program, or from a later version, and is ignored. */
export function readBeat(text: string): TailBeat | undefined {
  const beat = parsedJson(text) as Partial<TailBeat> | null | undefined;
  return beat?.v === 1 && Array.isArray(beat.counts) ? (beat as TailBeat) : undefined;
}

/** Receives the beats of all processes, again after an outage of Redis, too. */
export function createTailListener(o: RedisAccess & { onBeat: (beat: TailBeat) => void }) {
  const { client, disconnect } = connectPatient(o.redisUrl);
  client.on('error', o.onError);
  client.on('message', (_, text) => {
    const beat = readBeat(text);
    if (beat !== undefined) o.onBeat(beat);
  });
  client.subscribe(TAIL_CHANNEL).catch(o.onError);
  return { close: async () => disconnect() };
}

export type TailPublisher = ReturnType<typeof createTailPublisher>;

/**
 * Publishes once a second what this process has done, if there is a subscriber. It looks for one at every full second,
 * so that all processes of an installation publish at the same time.
 */
export function createTailPublisher(o: RedisAccess & Pick<TailBeat, 'process'>) {
  const { client, ask, disconnect } = connectFailFast(o);
  const id = randomUUID();
  const sums = new Map<string, TailBeat['counts'][number]>();
  let isWatched = false;
  let timer: NodeJS.Timeout | undefined;

  const publish = async (): Promise<void> => {
    const [, listeners] = (await client.pubsub('NUMSUB', TAIL_CHANNEL)) as [string, number];
    isWatched = Number(listeners) > 0;
    const beat: TailBeat = { v: 1, id, process: o.process, counts: [...sums.values()] };
    sums.clear();
    if (isWatched) await client.publish(TAIL_CHANNEL, JSON.stringify(beat));
  };

  const schedule = (): void => {
    timer = setTimeout(
      () => {
        // The connection reports the outage. The next second is another chance.
        ask(publish)
          .catch(() => sums.clear())
          .finally(() => timer && schedule());
      },
      BEAT_MS - (Date.now() % BEAT_MS),
    ).unref();
  };
  schedule();

  return {
    /** Whether there is a subscriber. Ask before you do work only to count. */
    isWatched: () => isWatched,
    /** Counts, while there is a subscriber. */
    count(owner: TailOwner, event: TailEvent, by = 1): void {
      if (!isWatched) return;
      const key = `${owner} ${event}`;
      const sum = sums.get(key) ?? [owner, event, 0];
      sum[2] += by;
      sums.set(key, sum);
    },
    close(): void {
      clearTimeout(timer);
      timer = undefined;
      disconnect();
    },
  };
}
