import { type Run, tell } from './measure/run.ts';
import type { Spread } from './measure/stats.ts';
import { type Bench, type BenchOptions, openBench } from './rig/bench.ts';
import type { Town } from './town/town.ts';

/** How much is measured. */
export interface Size {
  /** How often each pair is measured. */
  pairs: number;
  /** How many messages one measurement has. */
  messages: number;
  isQuick: boolean;
}

/** What has been found so far. */
export interface Sheet {
  /** One number for each pair, or each run; the median counts. */
  add(name: string, values: readonly number[], unit?: string): Spread;
  say(line: string): void;
}

/** A question, with services of its own. */
export interface Study {
  name: string;
  /** The figures with a goal that it finds. */
  finds: readonly string[];
  run(size: Size, sheet: Sheet): Promise<void>;
}

export const TOWN: Town = { tenants: 1_000, clients: 1_000_000 };

let lots = 0;

/** A name for a lot of messages that none had before, also not in an earlier run. */
export const nextLot = (): string =>
  `${process.pid.toString(36)}-${Date.now().toString(36)}-${lots++}`;

/** The same, told as soon as it is known. */
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
