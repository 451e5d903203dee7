import { EnvError } from '@contour/runtime';

/** What went wrong, for a terminal: without a stack. */
export function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof EnvError ? message.replaceAll('\n', '\ncontour: ') : message;
}
