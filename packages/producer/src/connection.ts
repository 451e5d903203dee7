import { Redis } from 'ioredis';

export type OnError = (error: Error) => void;

/*
 * | gives up on a command after | finds a frozen Redis after | tries to connect again |
 * | timeoutMs, or at once       | timeoutMs and a second     | 50 … 250 ms, for ever  |
 *
 * Nothing is queued or sent again in here: the outbox does both, in order and bounded. The pause
 * before a new attempt is short, so that a Redis that comes back within timeoutMs is found in time.
 */
export function connectFailFast(o: {
  redisUrl: string;
  timeoutMs: number;
  onError: OnError;
}): Redis {
  const client = new Redis(o.redisUrl, {
    retryStrategy: (attempt) => Math.min(50 * attempt, 250),
    keepAlive: 5000,
    connectTimeout: 3000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // Not 1: a cut connection would leave its commands unanswered until their time is over.
    maxRetriesPerRequest: 0,
    commandTimeout: o.timeoutMs,
    socketTimeout: o.timeoutMs + 1000,
  });
  return client.on('error', o.onError);
}
