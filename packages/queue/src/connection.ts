import { AppError } from '@contour/contract';
import { Redis, type RedisOptions } from 'ioredis';

export type OnError = (error: Error) => void;

/*
 * | side      | gives up on a command after | finds a frozen Redis after | tries to connect again |
 * | fail-fast | 2 s, or at once when away   | 3 s                        | 50 ms … 1 s, for ever  |
 * | patient   | never                       | 15 s (a block lasts 10 s)  | 50 ms … 1 s, for ever  |
 */
const COMMAND_TIMEOUT_MS = 2000;
const ANSWER_DEADLINE_MS = 2500;

const COMMON = {
  retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt - 1, 5), 1000),
  keepAlive: 5000,
  connectTimeout: 3000,
} satisfies RedisOptions;

export interface FailFastRedis {
  client: Redis;
  /** Runs one exchange with Redis; whatever goes wrong is an AppError within 2.5 s. */
  ask<T>(work: () => Promise<T>): Promise<T>;
  disconnect(): void;
}

/** Settles when the first attempt to connect has ended, either way: a fresh process may ask at once. */
function firstAttempt(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    client.once('ready', resolve);
    client.once('close', resolve);
  });
}

/**
 * What is asked for in one go is sent in one go: a write costs this process more than most commands cost Redis.
 * Nothing waits longer than until all that has come in by now has been looked at.
 */
function gatherWrites(client: Redis): Redis {
  return client.on('connect', () => {
    const { stream } = client;
    const write = stream.write.bind(stream) as typeof stream.write;
    let isGathering = false;
    const send = () => {
      isGathering = false;
      stream.uncork();
    };
    stream.write = ((...chunk: Parameters<typeof write>) => {
      if (!isGathering) {
        isGathering = true;
        stream.cork();
        setImmediate(send);
      }
      return write(...chunk);
    }) as typeof write;
  });
}

/** A connection for those who have somebody waiting: it never queues what it cannot send now. */
export function connectFailFast(redisUrl: string, onError: OnError): FailFastRedis {
  const client = new Redis(redisUrl, {
    ...COMMON,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: 3000,
  });
  gatherWrites(client).on('error', onError);
  const attempted = firstAttempt(client);

  async function ask<T>(work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no answer in ${ANSWER_DEADLINE_MS} ms`)),
        ANSWER_DEADLINE_MS,
      );
    });
    const answer = attempted.then(work);
    // What comes after the deadline has nobody left to tell.
    answer.catch(() => undefined);
    try {
      return await Promise.race([answer, deadline]);
    } catch (cause) {
      throw new AppError('redis_unavailable', 'Redis cannot be reached', cause);
    } finally {
      clearTimeout(timer);
    }
  }

  return { client, ask, disconnect: () => client.disconnect() };
}

export interface PatientRedis {
  client: Redis;
  /** Ends this connection and every copy that BullMQ made of it, whatever they wait for. */
  disconnect(): void;
}

/** A connection for those who wait for work: an outage is something to sit out. */
export function connectPatient(redisUrl: string): PatientRedis {
  const client = new Redis(redisUrl, {
    ...COMMON,
    maxRetriesPerRequest: null,
    socketTimeout: 15_000,
  });
  const all = [client];
  // BullMQ keeps its blocking copy to itself, and its close() may wait for that copy for ever.
  client.duplicate = (override) => {
    const copy = Redis.prototype.duplicate.call(client, override);
    all.push(silenced(gatherWrites(copy)));
    return copy;
  };
  silenced(gatherWrites(client));
  return {
    client,
    disconnect: () => {
      for (const each of all) each.disconnect();
    },
  };
}

/** BullMQ reports this connection's errors, until it closes: from then on they would be unheard. */
function silenced(client: Redis): Redis {
  return client.on('error', () => undefined);
}
