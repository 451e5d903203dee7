import { diceOf } from '../../support/dice.ts';
import { waitFor } from '../../support/wait-for.ts';
import { cpuUs, measureRun } from '../measure/run.ts';
import { quantile } from '../measure/stats.ts';
import type { Bench } from '../rig/bench.ts';
import { textsOf } from '../town/town.ts';
import type { HttpSubject } from './by-http.ts';

export interface Latency {
  perSecond: number;
  p50: number;
  p99: number;
  /** The cost of a message meanwhile: it grows when there is less to gather. */
  cpuUs: number;
}

async function deliveredAll(bench: Bench, count: number): Promise<void> {
  const isDone = () => bench.ledger.isTold(count);
  await waitFor('all to be delivered', isDone, { deadlineMs: 120_000, everyMs: 2 });
}

async function audited(
  bench: Bench,
  { pids }: HttpSubject,
  { count, perSecond }: { count: number; perSecond: number },
  send: () => Promise<number[]>,
): Promise<Latency> {
  await bench.ledger.begin();
  let times: number[] = [];
  const run = await measureRun({
    messages: count,
    pids,
    async work() {
      times = await send();
      await deliveredAll(bench, count);
    },
  });
  await waitFor('all to be marked', bench.ledger.isAtRest, { deadlineMs: 30_000 });
  await bench.ledger.end({ stored: count, delivered: count });
  return { perSecond, p50: quantile(times, 0.5), p99: quantile(times, 0.99), cpuUs: cpuUs(run) };
}

/** How long a sender waits with this many messages a second, at random moments. */
export function openLoop(
  bench: Bench,
  subject: HttpSubject,
  { lot, perSecond, seconds }: { lot: string; perSecond: number; seconds: number },
): Promise<Latency> {
  const count = Math.max(1, Math.round(perSecond * seconds));
  const bodies = textsOf(bench.town, { lot, count });
  const dice = diceOf(1, lot);
  const chance = () => dice.between(0, 2 ** 31 - 1) / 2 ** 31;
  return audited(bench, subject, { count, perSecond }, () =>
    subject.senders.sendOpenLoop(bodies, perSecond, chance),
  );
}

/** How long a single sender waits: each message is sent after the delivery of the one before. */
export function idle(
  bench: Bench,
  subject: HttpSubject,
  { lot, count }: { lot: string; count: number },
): Promise<Latency> {
  const bodies = textsOf(bench.town, { lot, count });
  return audited(bench, subject, { count, perSecond: 0 }, () =>
    subject.senders.sendOneByOne(bodies, (sent) => deliveredAll(bench, sent)),
  );
}
