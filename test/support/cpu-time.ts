import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK']).toString());

interface Stat {
  parent: number;
  /** Of the process and of its children that have ended. */
  ticks: number;
}

function statOf(pid: number): Stat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, parent, ...rest] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    // utime, stime, cutime and cstime are the 14th to 17th of all.
    return { parent: parent ?? 0, ticks: rest.slice(9, 13).reduce((sum, n) => sum + n, 0) };
  } catch {
    return undefined; // it has just ended: its parent has its time
  }
}

/** The processor time, in seconds, that a process and its children have used so far. */
export function cpuSeconds(pid: number): number {
  const children = readdirSync('/proc')
    .map(Number)
    .filter((other) => other > 0 && statOf(other)?.parent === pid);
  const ticks = [pid, ...children].reduce((sum, one) => sum + (statOf(one)?.ticks ?? 0), 0);
  return ticks / TICKS_PER_SECOND;
}

/** The processor time of this process, without its children. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
