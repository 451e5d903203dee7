import { reviveMessage, settle, takeDue } from '@contour/store';
import { deliverDialog } from '../../apps/worker/src/deliver/deliver-dialog.ts';
import type { Act, Notes, Participant } from './scene.ts';

/** Core's answer to a request, given the number of requests before it. */
type Answers = (earlier: number) => 200 | 400 | 500;

const SILENT_LOGGER = { info: () => undefined, warn: () => undefined } as never;
const NO_OBSERVER = {
  answered: () => undefined,
  delivered: () => undefined,
  retried: () => undefined,
  dead: () => undefined,
};

/** What the worker's delivery of one dialog needs, with a Core that has its turns like a statement. */
function delivery({ pool, atCore, notes }: Participant, answers: Answers) {
  return {
    maxAttempts: 5,
    retryDelayMs: () => 0,
    logger: SILENT_LOGGER,
    observer: NO_OBSERVER,
    tracer: undefined,
    mustStop: () => false,
    settle: (part: object) => settle(pool, { attempts: [], emptied: [], postponed: [], ...part }),
    core: {
      push: (request: { messageId: string; body: string }) =>
        atCore(() => answer(notes, request, answers)),
    },
  };
}

function answer(notes: Notes, request: { messageId: string; body: string }, answers: Answers) {
  const status = answers(notes.pushed.length);
  notes.pushed.push({ ...request, taken: status === 200 });
  if (status === 200) return { outcome: 'delivered', status, ms: 1 } as const;
  const code = `http_${status}`;
  if (status === 400) return { outcome: 'refused', code, status, ms: 1 } as const;
  return { outcome: 'retry', code, status, ms: 1 } as const;
}

/** A run over the one shard: takes what is due and delivers it, until nothing is due. */
export function delivers(answers: Answers = () => 200): Act {
  return async (participant) => {
    const deps = delivery(participant, answers);
    const limits = { lanes: 10, lanesPerTenant: 10, messagesPerLane: 50 };
    const wanted = { shards: [0], ...limits, notDialogs: [], rooms: [] };
    const take = () => takeDue(participant.pool, wanted);
    for (let lanes = await take(); lanes.length > 0; lanes = await take()) {
      for (const lane of lanes) await deliverDialog(deps, lane, lane.messages, false);
    }
  };
}

/** An operator brings back what is dead. */
export const revivesDead: Act = async ({ pool, tenant, notes }) => {
  for (const messageId of new Set(notes.told.map((told) => told.messageId))) {
    await reviveMessage(pool, { tenantId: tenant.id, messageId }, 1);
  }
};
