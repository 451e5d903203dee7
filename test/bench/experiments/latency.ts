import { diceOf } from '../../support/dice.ts';
import { waitFor } from '../../support/wait-for.ts';
import { quantile } from '../measure/stats.ts';
import type { Bench } from '../rig/bench.ts';
import { textsOf } from '../town/town.ts';
import type { HttpSubject } from './by-http.ts';

export interface Latency {
  perSecond: number;
  p50: number;
  p99: number;
}

const ofTimes = (perSecond: number, times: readonly number[]): Latency => ({
  perSecond,
  p50: quantile(times, 0.5),
  p99: quantile(times, 0.99),
});

async function deliveredAll(bench: Bench, count: number): Promise<void> {
  const isDone = () => bench.ledger.isTold(count);
  await waitFor('all to be delivered', isDone, { deadlineMs: 120_000, everyMs: 2 });
}

async function audited(
  bench: Bench,
  count: number,
  send: () => Promise<Latency>,
): Promise<Latency> {
  await bench.ledger.begin();
  const latency = await send();
  await deliveredAll(bench, count);
  await waitFor('all to be marked', bench.ledger.isAtRest, { deadlineMs: 30_000 });
  await bench.ledger.end({ stored: count, delivered: count });
  return latency;
}

/** What a sender waits when so many come in a second, at moments by chance. */
export function openLoop(
  bench: Bench,
  { senders }: HttpSubject,
  { lot, perSecond, seconds }: { lot: string; perSecond: number; seconds: number },
): Promise<Latency> {
  const count = Math.max(1, Math.round(perSecond * seconds));
  const bodies = textsOf(bench.town, { lot, count });
  const dice = diceOf(1, lot);
  const chance = () => dice.between(0, 2 ** 31 - 1) / 2 ** 31;
  return audited(bench, count, async () =>
    ofTimes(perSecond, await senders.sendOpenLoop(bodies, perSecond, chance)),
  );
}

/** What a sender waits when there is nobody else: each message is sent when the one before has been delivered. */
export function idle(
  bench: Bench,
  { senders }: HttpSubject,
  { lot, count }: { lot: string; count: number },
): Promise<Latency> {
  const bodies = textsOf(bench.town, { lot, count });
  return audited(bench, count, async () =>
    ofTimes(0, await senders.sendOneByOne(bodies, (sent) => deliveredAll(bench, sent))),
  );
}
