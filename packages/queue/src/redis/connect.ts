import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@contour/contract';
import { type ChainableCommander, Redis, type RedisOptions } from 'ioredis';

/** Which Redis, and what to do with the errors of a connection to it. */
export interface RedisAccess {
  redisUrl: string;
  onError: (error: Error) => void;
}

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

export type FailFastRedis = ReturnType<typeof connectFailFast>;

/**
 * Sends commands that are issued in one turn of the event loop in one write, because a write costs this process more
 * than most commands cost Redis.
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

/** A connection for callers that wait for an answer. It never queues a command that it cannot send now. */
export function connectFailFast({ redisUrl, onError }: RedisAccess) {
  const client = new Redis(redisUrl, {
    ...COMMON,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: 3000,
  });
  gatherWrites(client).on('error', onError);
  // Settles when the first attempt to connect has ended, either way, so a new process may ask at once.
  const attempted = new Promise((resolve) => {
    client.once('ready', resolve).once('close', resolve);
  });

  /** Runs one exchange with Redis. Every failure is an AppError('redis_unavailable') within 2.5 s. */
  async function ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      const answer = attempted.then(work);
      if (await settlesWithin(answer, ANSWER_DEADLINE_MS)) return await answer;
      throw new Error(`no answer in ${ANSWER_DEADLINE_MS} ms`);
    } catch (cause) {
      throw new AppError('redis_unavailable', 'Redis cannot be reached', cause);
    }
  }

  return { client, ask, disconnect: () => client.disconnect() };
}

/** A connection for consumers and subscribers, which wait until an outage is over. */
export function connectPatient(redisUrl: string) {
  const client = new Redis(redisUrl, {
    ...COMMON,
    maxRetriesPerRequest: null,
    socketTimeout: 15_000,
  });
  const all = [client];
  // BullMQ does not expose its blocking copy, and its close() may wait for that copy for ever.
  client.duplicate = (override) => {
    const copy = Redis.prototype.duplicate.call(client, override);
    all.push(silenced(gatherWrites(copy)));
    return copy;
  };
  silenced(gatherWrites(client));
  return {
    client,
    /** Ends this connection and every copy that BullMQ made of it, whatever they wait for. */
    disconnect: (): void => {
      for (const each of all) each.disconnect();
    },
  };
}

/** BullMQ reports this connection's errors until it closes. Later errors need a listener, too. */
function silenced(client: Redis): Redis {
  return client.on('error', () => undefined);
}

/** Sends a pipeline and returns its replies. It fails if one command fails. */
export async function runPipeline(pipeline: ChainableCommander): Promise<unknown[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

/**
 * Loads a Lua script from a folder. Parts, which define functions that it needs, come before it. Redis keeps a script by
 * its SHA-1, so its text is sent only to a Redis that does not know it yet.
 */
export function loadScript(folder: string, ...files: string[]) {
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
  const sha = createHash('sha1').update(text).digest('hex');

  const runnerFor =
    (method: 'call' | 'callBuffer') =>
    async (client: Redis, keys: readonly string[], args: ReadonlyArray<string | number> = []) => {
      const call = (command: string, script: string): Promise<unknown> =>
        client[method](command, script, keys.length, ...keys, ...args);
      try {
        return await call('EVALSHA', sha);
      } catch (error) {
        if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
        return call('EVAL', text);
      }
    };

  /** `runForBuffers` answers with buffers in place of strings. */
  return { run: runnerFor('call'), runForBuffers: runnerFor('callBuffer') };
}

/** Whether the promise resolves in time. If it rejects in time, so does this. A later rejection is handled. */
export async function settlesWithin(promise: Promise<unknown>, timeoutMs: number) {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([promise.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** A text that any program may have written; undefined if it is not JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
