import { EnvError } from '@contour/runtime';
import { NotThere, UsageError } from './cli.ts';

/** What a command ends with. Scripts rely on it: docs/operating.md and the help tell the same. */
export const EXIT = {
  /** All is well, or done. */
  well: 0,
  /** It looked, and something that it looks for is wrong. */
  wrong: 1,
  /** What was typed, or what is set, cannot be done as it stands. */
  usage: 2,
  /** It could not look, or could not do it: a server is away, or an error that nobody expected. */
  failed: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What a command ends with that threw this. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError || error instanceof EnvError) return EXIT.usage;
  return error instanceof NotThere ? EXIT.wrong : EXIT.failed;
}
