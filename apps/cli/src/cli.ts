import type { Command } from 'commander';

/** Something was typed that cannot be done as it stands: ends with 2, without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Where a command writes. Results go to stdout, everything that is about the way there to stderr. */
export interface Cli {
  env: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  /** Where progress is drawn. */
  screen: NodeJS.WriteStream;
  /** One line of the result. */
  say(line: string): void;
  /** What a command has found: as JSON where --json was given, else as `print` shows it. */
  report(result: unknown, print: () => void): void;
  /** Whether --json was given: then nothing but the one result goes to stdout. */
  isJson(): boolean;
}

/** Adds a command, or a group of them, to the program. */
export type AddCommand = (program: Command, cli: Cli) => void;

/** Ends with 1 after the result was shown: a script can tell that something is not as it should be. */
export function endWithOne(): void {
  process.exitCode = 1;
}
