import { setTimeout as delay } from 'node:timers/promises';
import { describe } from 'vitest';
import { startContour } from '../support/contour.ts';
import type { Behaviour } from '../support/fake-core.ts';
import { messagesOf } from '../support/messages.ts';
import { startLoad } from '../support/send.ts';
import { startNeighbours, toldNeighbours } from './matrix/neighbours.ts';
import { type Outcome, row } from './matrix/row.ts';
import { secondsUntilThrough } from './matrix/under-load.ts';

const WARM_MS = 3_000;
const WATCH_MS = 15_000;

const NEIGHBOURS = { tenants: 15, perSecond: 40, chats: 8, by: 'http' } as const;

/** A tenant for each. */
const WAYS: readonly Behaviour[] = [
  { status: 500 },
  { status: 403 },
  { cut: 'silent' },
  { hang: true },
];
const DIALOGS = 200;

/** All that these tenants have waiting becomes due at once, in one burst of failures. */
async function failInAllWays(): Promise<Outcome> {
  const contour = await startContour({ env: { CORE_TIMEOUT_MS: '4000' } });
  try {
    const ways = new Map<string, Behaviour>();
    contour.core.behave(({ body }) => ways.get(JSON.parse(body).tenant_id) ?? { status: 200 });
    const neighbours = await startNeighbours(contour, NEIGHBOURS);
    await delay(WARM_MS);
    const before = await neighbours.watch(WATCH_MS);
    const during = neighbours.watch(WATCH_MS);
    const loads = await Promise.all(
      WAYS.map(async (way) => {
        const { id, accounts } = await contour.addTenant();
        ways.set(id, way);
        const messages = messagesOf(accounts.telegram, { count: DIALOGS, chats: DIALOGS });
        return startLoad({ urls: contour.urls, messages, concurrency: 8 }).done;
      }),
    );
    const measured = { before, during: await during };
    ways.clear();
    const all = [...loads, await neighbours.stop()];
    const sent = new Set(all.flatMap((load) => [...load.sent]));
    const recoverySeconds = await secondsUntilThrough(contour, { sent }, 120_000);
    const accepted = all.flatMap((load) => load.accepted);
    const violations = await contour.check({ accepted, sent });
    return { recoverySeconds, violations, neighbours: measured };
  } finally {
    await contour.close();
  }
}

describe('Neighbours', () => {
  row(
    'of four tenants that Core fails in four ways',
    {
      injected: `500, 403, a cut connection, no answer: to a tenant each, with ${DIALOGS} dialogs`,
      load: toldNeighbours(NEIGHBOURS),
      withinSeconds: 60,
    },
    failInAllWays,
  );
});
