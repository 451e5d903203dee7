import { type CpuSeconds, ours, type Pids, startCpuMeter } from './cpu-meter.ts';

/** One lot of messages, from the first to the last. */
export interface Run {
  perSecond: number;
  cpu: CpuSeconds;
  messages: number;
}

interface Lot {
  messages: number;
  pids: Pids;
  /** From the first to the last. */
  work(): Promise<void>;
  /** Work that counts as their cost, but not as their time. */
  afterwards?(): Promise<void>;
}

export async function measureRun({ messages, pids, work, afterwards }: Lot): Promise<Run> {
  const used = startCpuMeter(pids);
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  await afterwards?.();
  return { perSecond: messages / seconds, cpu: used(), messages };
}

/** The CPU time of all parts for a message, in microseconds. */
export const cpuUs = ({ cpu, messages }: Run): number => (ours(cpu) / messages) * 1e6;

/** `412 µs (api 101, worker 180, …)` */
function tellCpu(run: Run): string {
  const parts = Object.entries(run.cpu).map(
    ([part, seconds]) => `${part} ${Math.round((seconds / run.messages) * 1e6)}`,
  );
  return `${Math.round(cpuUs(run))} µs (${parts.join(', ')})`;
}

export const tell = (name: string, run: Run): string =>
  `${name.padEnd(24)}${Math.round(run.perSecond).toString().padStart(7)}/s  ${tellCpu(run)}`;
