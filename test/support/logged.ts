import type { BuiltProcess } from './processes.ts';

/** What these processes have logged of an event so far, line by line. */
export const logged = <Line>(processes: readonly BuiltProcess[], event: string): Line[] =>
  processes
    .flatMap((one) => one.output().split('\n'))
    .filter((line) => line.includes(event))
    .map((line) => JSON.parse(line));
