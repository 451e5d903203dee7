import type { FastifyInstance } from 'fastify';
import { unavailable } from './problem-error.ts';

/**
 * How the door closes: from the word to leave on, answers say `Connection: close`; what still comes over
 * a connection that was kept alive is refused; and once nothing is under way no connection holds the
 * end up, be it one that was only opened and never used.
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
