import { EnvError } from '@contour/runtime';
import type { Command } from 'commander';

/** The command or the environment is wrong and must be changed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The requested thing does not exist. */
export class NotThere extends Error {
  override readonly name = 'NotThere';
}

/** The exit codes of all commands. Scripts rely on them: docs/operating.md and the help list the same. */
export const EXIT = {
  /** All is well, or done. */
  well: 0,
  /** The command ran, and something is wrong. */
  wrong: 1,
  /** The command or a setting is wrong. */
  usage: 2,
  /** The command failed: a server is away, or an unexpected error. */
  failed: 3,
} as const;

/** The exit code for an error that a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof EnvError) return EXIT.usage;
  return error instanceof NotThere ? EXIT.wrong : EXIT.failed;
}

/** An error's message for a terminal, without a stack. */
export function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof EnvError ? message.replaceAll('\n', '\ncontour: ') : message;
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
  /** Writes the result: as JSON if --json was given, otherwise in these lines. */
  report(result: unknown, lines: () => readonly string[]): void;
  /** Whether --json was given. Then stdout gets nothing but the result. */
  isJson(): boolean;
  /** Makes the command end with 1 after its result was shown: something is wrong. */
  endWithOne(): void;
}

/** Adds a command, or a group of commands, to the program. */
export type AddCommand = (program: Command, cli: Cli) => void;
