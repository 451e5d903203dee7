import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

export interface LoadTimes {
  count: number;
  rate: number;
  /** How many may be under way at once. */
  connections: number;
}

export interface LoadResult {
  sent: number;
  seconds: number;
  statuses: Record<string, number>;
  errors: Record<string, number>;
  /** From the moment at which each was to be sent until its answer had been read; ascending. */
  latencies: number[];
}

const count = (counts: Record<string, number>, name: string | number) => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/**
 * Sends at a steady rate, however slow the answers are. A message that has to wait for a connection
 * is late by its own clock: the time it should have been sent counts, so a stall is not left out.
 */
export async function runLoad(
  { count: total, rate, connections }: LoadTimes,
  post: (index: number) => Promise<number>,
  signal: AbortSignal,
  onAnswer: (done: number) => void,
): Promise<LoadResult> {
  const result: LoadResult = { sent: 0, seconds: 0, statuses: {}, errors: {}, latencies: [] };
  const startedAt = performance.now();
  let done = 0;
  // Every sender that waits for its turn listens.
  setMaxListeners(0, signal);

  async function sendNext(): Promise<void> {
    const index = result.sent;
    result.sent += 1;
    const dueAt = startedAt + (index * 1000) / rate;
    const earlyMs = dueAt - performance.now();
    if (earlyMs > 0) await delay(earlyMs, undefined, { signal });
    const status = await post(index);
    count(result.statuses, status);
    result.latencies.push(performance.now() - dueAt);
  }

  async function sender(): Promise<void> {
    while (result.sent < total && !signal.aborted) {
      try {
        await sendNext();
      } catch (error) {
        if (signal.aborted) return;
        count(result.errors, (error as Error).message);
      }
      done += 1;
      onAnswer(done);
    }
  }

  await Promise.all(Array.from({ length: Math.min(connections, total) }, sender));
  result.seconds = (performance.now() - startedAt) / 1000;
  // Those that were cut off before their turn, or before their answer, count as not sent.
  result.sent = done;
  result.latencies.sort((a, b) => a - b);
  return result;
}
