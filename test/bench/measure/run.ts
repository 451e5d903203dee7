import { type CpuSeconds, ours } from './cpu-meter.ts';

/** One lot of messages, from the first to the last. */
export interface Run {
  perSecond: number;
  cpu: CpuSeconds;
  messages: number;
}

/** What all that works for a message has used for it, in microseconds. */
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
