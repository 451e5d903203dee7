import { readFileSync } from 'node:fs';

/** What a process holds of the machine's memory, in MB. */
export function rssMb(pid = 0): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
}
