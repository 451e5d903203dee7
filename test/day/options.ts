/** The length and the events of a day. */
export interface DayOptions {
  seed: number;
  /** The time with messages and faults, all hours together. */
  lengthMs: number;
  /** Messages a second, without bursts. */
  rate: number;
  /** An hour ends with a quiet moment in which every promise is checked. */
  hourMs: number;
  tenants: number;
  apis: number;
  workers: number;
  /** Servers of its own, which faults may stop. Otherwise it uses the shared servers. */
  hasOwnServers: boolean;
  /** The shortest and longest pause between two faults of a kind. */
  restMs: { harm: Range; core: Range; operator: Range; burst: Range };
}

export type Range = readonly [least: number, most: number];

declare module 'vitest' {
  export interface ProvidedContext {
    /** Provided only by `npm run day`. */
    day?: { minutes: number; seed: number; rate: number };
  }
}

const MINUTE_MS = 60_000;
/** An hour is kept in memory: this bounds its length. */
const MOST_IN_AN_HOUR = 12_000;

/** Fewer could not be compared. */
const FEWEST_HOURS = 2;
const MOST_MS_OF_AN_HOUR = 100_000;

/** A whole day, as `npm run day` runs it. */
export function wholeDay({
  minutes,
  seed,
  rate,
}: {
  minutes: number;
  seed: number;
  rate: number;
}): DayOptions {
  const lengthMs = minutes * MINUTE_MS;
  const mostMs = Math.min(MOST_MS_OF_AN_HOUR, (MOST_IN_AN_HOUR / rate) * 1000);
  return {
    ...{ seed, rate, lengthMs },
    hourMs: lengthMs / Math.max(FEWEST_HOURS, Math.ceil(lengthMs / mostMs)),
    tenants: 50,
    apis: 2,
    workers: 3,
    hasOwnServers: true,
    restMs: {
      harm: [2_000, 8_000],
      core: [3_000, 15_000],
      operator: [1_000, 5_000],
      burst: [5_000, 20_000],
    },
  };
}

/** The day of `npm run faults`: shorter, with faults only in the test's own processes and Redis. */
export const SHORT_DAY: DayOptions = {
  seed: 1,
  rate: 25,
  lengthMs: 12_000,
  hourMs: 12_000,
  tenants: 12,
  apis: 1,
  workers: 2,
  hasOwnServers: false,
  restMs: {
    harm: [500, 1_500],
    core: [500, 1_500],
    operator: [300, 1_000],
    burst: [2_000, 4_000],
  },
};
