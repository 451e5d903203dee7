import { EnvError } from '@contour/runtime';

export const complain = (line: string): void => void process.stderr.write(`contour: ${line}\n`);

/** What went wrong, for a terminal: without a stack. */
export function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof EnvError ? message.replaceAll('\n', '\ncontour: ') : message;
}
