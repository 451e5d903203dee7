import { countLiveWorkers } from '../presence/presence.ts';
import { connectFailFast, type OnError } from '../redis/connect.ts';
import { GROUP, streamKey } from '../streams/entries.ts';

/** A stream entry that was delivered to a worker and has not ended. */
export interface ForgottenEntry {
  shard: number;
  id: string;
  idleSeconds: number;
  deliveries: number;
}

/** What an audit reads of Redis besides the dead-letter queue. Writes nothing. */
export interface QueueAudit {
  liveWorkers(): Promise<number>;
  /** How many entries of a shard were delivered and have not ended. */
  pendingEntries(shard: number): Promise<number>;
  /** Pending entries that were not delivered again for this long, at most 1 000. */
  forgottenEntries(shard: number, idleSeconds: number): Promise<ForgottenEntry[]>;
  close(): Promise<void>;
}

const MOST = 1_000;

type Pending = Array<[id: string, consumer: string, idleMs: number, deliveries: number]>;

/** The answer, or `none` for a stream that does not exist or was never read. */
async function orNone<T>(answer: Promise<T>, none: T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && /NOGROUP/.test(error.message)) return none;
    throw error;
  }
}

export function openQueueAudit(o: { redisUrl: string; onError: OnError }): QueueAudit {
  const { client, ask, disconnect } = connectFailFast(o.redisUrl, o.onError);
  return {
    liveWorkers: () => ask(() => countLiveWorkers(client)),
    pendingEntries: (shard) =>
      ask(async () => {
        const [count] = await orNone(client.xpending(streamKey(shard), GROUP), [0]);
        return Number(count);
      }),
    forgottenEntries: (shard, idleSeconds) =>
      ask(async () => {
        const idleMs = idleSeconds * 1000;
        const found = await orNone(
          client.xpending(streamKey(shard), GROUP, 'IDLE', idleMs, '-', '+', MOST),
          [],
        );
        return (found as Pending).map(([id, , idle, deliveries]) => ({
          ...{ shard, id, deliveries },
          idleSeconds: Math.round(idle / 1000),
        }));
      }),
    close: async () => disconnect(),
  };
}
