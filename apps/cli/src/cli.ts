import type { Command } from 'commander';

/** Something was typed that cannot be done as it stands. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked for was looked for, and is not there. */
export class NotThere extends Error {
  override readonly name = 'NotThere';
}

/** Where a command writes. Results go to stdout, everything that is about the way there to stderr. */
export interface Cli {
  env: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  /** Where progress is drawn. */
  screen: NodeJS.WriteStream;
  /** One line of the result. */
  say(line: string): void;
  /** One line that is no result. */
  complain(line: string): void;
  /** What a command has found: as JSON where --json was given, else as `print` shows it. */
  report(result: unknown, print: () => void): void;
  /** Whether --json was given: then nothing but the one result goes to stdout. */
  isJson(): boolean;
  /** The command ends with 1, after its result was shown: something is not as it should be. */
  endWithOne(): void;
}

/** Adds a command, or a group of them, to the program. */
export type AddCommand = (program: Command, cli: Cli) => void;
