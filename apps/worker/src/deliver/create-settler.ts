import type { Logger } from '@contour/runtime';
import { createBatcher } from '@contour/runtime';
import { asAppError, type Pool, type Settlement, settle } from '@contour/store';
import type { DeliveryMetrics } from '../metrics/delivery-metrics.ts';
import { untilItWorks } from '../until-it-works.ts';

const BATCH_SIZE = 500;

/** How long a mark may wait for others: what a process that dies has not marked is sent again. */
const MAY_WAIT_MS = 10;

/** Writes what one dialog has come to. Resolves when it is committed. One that goes on may wait for more to write. */
export type Settle = (part: Partial<Settlement>, how?: { mayWait: boolean }) => Promise<void>;

/**
 * Gathers what many dialogs have come to and writes it in one statement at a time: one in flight
 * keeps a dialog's marks in the order in which they were made.
 */
export function createSettler(deps: {
  pool: Pool;
  logger: Logger;
  metrics: Pick<DeliveryMetrics, 'settled'>;
  stopping: AbortSignal;
}): Settle {
  const { pool, logger, metrics, stopping } = deps;
  const batcher = createBatcher<Partial<Settlement>, void>({
    maxSize: BATCH_SIZE,
    maxInFlight: 1,
    run: async (parts) => {
      const settlement: Settlement = {
        attempts: parts.flatMap((part) => part.attempts ?? []),
        emptied: parts.flatMap((part) => part.emptied ?? []),
        postponed: parts.flatMap((part) => part.postponed ?? []),
      };
      const write = () =>
        settle(pool, settlement).catch((error: unknown) => {
          throw asAppError(error);
        });
      await untilItWorks(write, {
        stopping,
        onFailure: (err) => logger.warn({ err }, 'settle.waits'),
      });
      if (settlement.attempts.length > 0) metrics.settled(settlement.attempts.length);
      return parts.map(() => undefined);
    },
  });
  return (part, { mayWait } = { mayWait: false }) => batcher.push(part, mayWait ? MAY_WAIT_MS : 0);
}
