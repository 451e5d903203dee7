import type { Command } from 'commander';

/** The command or the environment is wrong and must be changed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The requested thing does not exist. */
export class NotThere extends Error {
  override readonly name = 'NotThere';
}

/** Where a command writes: results to stdout, progress and problems to stderr. */
export interface Cli {
  env: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  /** Where progress is drawn. */
  screen: NodeJS.WriteStream;
  /** Writes one line of the result. */
  say(line: string): void;
  /** Writes one line that is not part of the result. */
  complain(line: string): void;
  /** Writes the result: as JSON if --json was given, otherwise as `print` shows it. */
  report(result: unknown, print: () => void): void;
  /** Whether --json was given. Then stdout gets nothing but the result. */
  isJson(): boolean;
  /** Makes the command end with 1 after its result was shown: something is wrong. */
  endWithOne(): void;
}

/** Adds a command, or a group of commands, to the program. */
export type AddCommand = (program: Command, cli: Cli) => void;
