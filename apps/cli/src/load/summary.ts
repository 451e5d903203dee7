import type { LoadResult } from './run-load.ts';

/** What a run came to, as a script reads it. */
export interface LoadSummary {
  run: string;
  asked: { count: number; rate: number };
  sent: number;
  seconds: number;
  /** Answers with 200 in a second. */
  rate: number;
  statuses: Record<string, number>;
  errors: Record<string, number>;
  latency_ms: { p50: number; p90: number; p99: number; max: number } | null;
}

const rounded = (value: number) => Math.round(value * 10) / 10;

/** The smallest latency that so large a share of all answers did not exceed. */
function percentile(ascending: readonly number[], share: number): number {
  const index = Math.ceil(ascending.length * share) - 1;
  return rounded(ascending[Math.max(0, index)] ?? 0);
}

export function summaryOf(
  run: string,
  asked: { count: number; rate: number },
  { sent, seconds, statuses, errors, latencies }: LoadResult,
): LoadSummary {
  return {
    run,
    asked,
    sent,
    seconds: rounded(seconds),
    rate: rounded((statuses['200'] ?? 0) / seconds),
    statuses,
    errors,
    latency_ms:
      latencies.length === 0
        ? null
        : {
            p50: percentile(latencies, 0.5),
            p90: percentile(latencies, 0.9),
            p99: percentile(latencies, 0.99),
            max: percentile(latencies, 1),
          },
  };
}

const counted = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, n]) => `${n} × ${name}`)
    .join(', ') || 'none';

export function linesOfSummary(summary: LoadSummary): string[] {
  const { asked, latency_ms: latency } = summary;
  return [
    `run      ${summary.run}: its messages and traces begin with it`,
    `sent     ${summary.sent} of ${asked.count} in ${summary.seconds} s`,
    `rate     ${summary.rate}/s accepted, ${asked.rate}/s asked for`,
    `answers  ${counted(summary.statuses)}`,
    `errors   ${counted(summary.errors)}`,
    latency === null
      ? 'latency  none: nothing was answered'
      : `latency  p50 ${latency.p50} ms, p90 ${latency.p90} ms, p99 ${latency.p99} ms, max ${latency.max} ms`,
  ];
}

/** Whether all that was asked for was sent, and each message answered with 200. */
export const isAllAccepted = ({ asked, statuses }: LoadSummary): boolean =>
  statuses['200'] === asked.count;
