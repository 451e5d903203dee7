import type { Core } from './core.ts';

/** Stands in where no CORE_URL is set: every payload becomes one line of JSON and counts as delivered. */
export function createConsoleCore(deps: { write: (line: string) => void }): Core {
  return {
    async push({ messageId, traceId, body }) {
      const head = JSON.stringify({
        msg: 'core.console',
        message_id: messageId,
        trace_id: traceId,
      });
      // The body is JSON already: spliced in as it is, it is shown exactly as Core would get it.
      deps.write(`${head.slice(0, -1)},"payload":${body}}\n`);
      return { outcome: 'delivered', ms: 0 };
    },
    available: () => true,
    limits: () => ({ total: Infinity, perTenant: Infinity, rooms: [] }),
    startRound: () => false,
    circuits: () => ({ isOpen: false, openTenants: 0 }),
    acceptedAgoMs: () => null,
    acceptedElsewhere: () => {},
    close: async () => {},
  };
}
