import { EnvError } from '@contour/runtime';
import { NotThere, UsageError } from './cli.ts';

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

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The exit code for an error that a command threw. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError || error instanceof EnvError) return EXIT.usage;
  return error instanceof NotThere ? EXIT.wrong : EXIT.failed;
}

/** An error's message for a terminal, without a stack. */
export function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof EnvError ? message.replaceAll('\n', '\ncontour: ') : message;
}
