import { type Run, tell } from './measure/run.ts';
import type { Spread } from './measure/stats.ts';
import { type Bench, type BenchOptions, openBench } from './rig/bench.ts';
import type { Town } from './town/town.ts';

/** The size of the measurements. */
export interface Size {
  /** How often each pair is measured. */
  pairs: number;
  /** How many messages one measurement has. */
  messages: number;
  isQuick: boolean;
}

/** The results so far. */
export interface Sheet {
  /** One value for each pair or run. The median counts. */
  add(name: string, values: readonly number[], unit?: string): Spread;
  say(line: string): void;
}

/** A study with its own services. */
export interface Study {
  name: string;
  /** Its figures with a goal. */
  finds: readonly string[];
  run(size: Size, sheet: Sheet): Promise<void>;
}

export const TOWN: Town = { tenants: 1_000, clients: 1_000_000 };

let lots = 0;

/** A name for a lot of messages, unique over all runs. */
export const nextLot = (): string =>
  `${process.pid.toString(36)}-${Date.now().toString(36)}-${lots++}`;

/** Results that are also printed at once. */
export const told = (sheet: Sheet, name: string, run: () => Promise<Run>) => async () => {
  const done = await run();
  sheet.say(tell(name, done));
  return done;
};

export async function withBench<T>(
  work: (bench: Bench) => Promise<T>,
  options: Partial<BenchOptions> = {},
): Promise<T> {
  const bench = await openBench({ town: TOWN, ...options });
  try {
    return await work(bench);
  } finally {
    await bench.close();
  }
}
