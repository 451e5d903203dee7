import type { Logger } from '@contour/runtime';
import type { FullClient } from '@contour/store';

/** How many logged clients are remembered. Beyond that all are forgotten and may be logged once more. */
const MAX_TOLD = 10_000;

/** Logs each client that gets no further identity by its phone, once, by its ids. */
export function tellFullClients(
  logger: Pick<Logger, 'warn'>,
): (clients: readonly FullClient[]) => void {
  const told = new Set<string>();
  return (clients) => {
    for (const { tenantId, clientId } of clients) {
      if (told.has(clientId)) continue;
      if (told.size === MAX_TOLD) told.clear();
      told.add(clientId);
      logger.warn({ tenant_id: tenantId, client_id: clientId }, 'client.too_many_identities');
    }
  };
}
