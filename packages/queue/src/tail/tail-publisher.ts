import { randomUUID } from 'node:crypto';
import { connectFailFast, type OnError } from '../connection.ts';
import { TAIL_CHANNEL, type TailBeat, type TailEvent, type TailOwner } from './tail-beat.ts';

const BEAT_MS = 1_000;

export interface TailPublisher {
  /** Whether anybody looks: who has to work for what it counts asks first. */
  isWatched(): boolean;
  /** Counts, while somebody looks. */
  count(owner: TailOwner, event: TailEvent, by?: number): void;
  close(): void;
}

/**
 * Tells once a second what a process has done, if anybody listens: that is asked beside the work, at
 * every full second, so that the processes of an installation speak at the same time.
 */
export function createTailPublisher(o: {
  redisUrl: string;
  onError: OnError;
  process: TailBeat['process'];
}): TailPublisher {
  const { client, ask, disconnect } = connectFailFast(o.redisUrl, o.onError);
  const id = randomUUID();
  const sums = new Map<TailOwner, Map<TailEvent, number>>();
  let isWatched = false;
  let timer: NodeJS.Timeout | undefined;

  const beat = (): string => {
    const counts = [...sums].flatMap(([owner, events]) =>
      [...events].map(([event, count]): TailBeat['counts'][number] => [owner, event, count]),
    );
    sums.clear();
    return JSON.stringify({ v: 1, id, process: o.process, counts } satisfies TailBeat);
  };

  const look = async (): Promise<void> => {
    const [, listeners] = (await client.pubsub('NUMSUB', TAIL_CHANNEL)) as [string, number];
    isWatched = Number(listeners) > 0;
    if (isWatched) await client.publish(TAIL_CHANNEL, beat());
    else sums.clear();
  };

  const schedule = (): void => {
    timer = setTimeout(
      () => {
        // Redis is away: its connection has said so, and the next second is another chance.
        ask(look)
          .catch(() => sums.clear())
          .finally(() => timer && schedule());
      },
      BEAT_MS - (Date.now() % BEAT_MS),
    ).unref();
  };
  schedule();

  return {
    isWatched: () => isWatched,
    count(owner, event, by = 1) {
      if (!isWatched) return;
      let events = sums.get(owner);
      if (events === undefined) {
        events = new Map();
        sums.set(owner, events);
      }
      events.set(event, (events.get(event) ?? 0) + by);
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
      disconnect();
    },
  };
}
