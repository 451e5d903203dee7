import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { unavailable } from './problems.ts';

/** The time between the signal to stop and the end of listening. */
export interface Departure {
  hasBegun(): boolean;
  /** Waits `ms`. Meanwhile the service answers and the load balancer learns from /readyz to send nothing more. */
  begin(ms: number, signal: AbortSignal): Promise<void>;
}

export function createDeparture(): Departure {
  let hasBegun = false;
  return {
    hasBegun: () => hasBegun,
    async begin(ms, signal) {
      hasBegun = true;
      await delay(ms, undefined, { signal }).catch(() => undefined);
    },
  };
}

/**
 * Once the departure has begun, answers say `Connection: close`. Once the server closes, a request over a connection
 * that was kept alive is refused, and when no request is under way all connections are closed, also those that were
 * opened and never used.
 */
export function drainOnClose(app: FastifyInstance, isLeaving: () => boolean): void {
  let underWay = 0;
  let isClosing = false;

  function closeIfIdle(): void {
    if (isClosing && underWay === 0) app.server.closeAllConnections();
  }

  app.addHook('onRequest', async (_request, reply) => {
    underWay += 1;
    reply.raw.once('close', () => {
      underWay -= 1;
      closeIfIdle();
    });
    if (isClosing) throw unavailable('This process is shutting down.');
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing || isLeaving()) reply.header('connection', 'close');
  });
  app.addHook('preClose', async () => {
    isClosing = true;
    closeIfIdle();
  });
}
