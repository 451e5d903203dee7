import { cpuSeconds, ownCpuSeconds } from '../../support/cpu-time.ts';

type Part = 'api' | 'worker' | 'redis' | 'postgres' | 'sink' | 'generator' | 'program';

export type Pids = Partial<Record<Exclude<Part, 'generator'>, readonly number[]>>;

export type CpuSeconds = Partial<Record<Part, number>>;

function read(pids: Pids): CpuSeconds {
  const seconds: CpuSeconds = {};
  for (const [part, list] of Object.entries(pids)) {
    seconds[part as Part] = list.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  }
  seconds.generator = ownCpuSeconds();
  return seconds;
}

/** Starts to measure. Returns a function for the usage of each part since. This process is the sender. */
export function startCpuMeter(pids: Pids): () => CpuSeconds {
  const before = read(pids);
  return () => {
    const now = read(pids);
    const used: CpuSeconds = {};
    for (const part of Object.keys(now) as Part[])
      used[part] = (now[part] ?? 0) - (before[part] ?? 0);
    return used;
  };
}

/** All parts that work for a message, without its sender and Core. */
export const ours = (used: CpuSeconds): number =>
  Object.entries(used).reduce(
    (sum, [part, seconds]) => (part === 'sink' || part === 'generator' ? sum : sum + seconds),
    0,
  );
