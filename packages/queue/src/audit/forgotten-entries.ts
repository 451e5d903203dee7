import { connectFailFast, type OnError } from '../connection.ts';
import { countLiveWorkers } from '../presence.ts';
import { GROUP, streamKey } from '../streams/keys.ts';

/** An entry of a stream that was handed out and has not come to an end. */
export interface ForgottenEntry {
  shard: number;
  id: string;
  idleSeconds: number;
  deliveries: number;
}

/** What an audit reads of Redis besides the dead-letter queue; writes nothing. */
export interface QueueAudit {
  liveWorkers(): Promise<number>;
  /** How many entries of a shard were handed out and are not done. */
  pendingEntries(shard: number): Promise<number>;
  /** Those that nobody has come back to for so long, at most 1 000. */
  forgottenEntries(shard: number, idleSeconds: number): Promise<ForgottenEntry[]>;
  close(): Promise<void>;
}

const MOST = 1_000;

type Pending = Array<[id: string, consumer: string, idleMs: number, deliveries: number]>;

const isWithoutGroup = (error: unknown) => error instanceof Error && /NOGROUP/.test(error.message);

/** Reads of a stream that does not exist, or that nobody has read yet, are empty. */
async function orNone<T>(answer: Promise<T>, none: T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isWithoutGroup(error)) return none;
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
