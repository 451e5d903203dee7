/** What went wrong in a word. A refused connection to several addresses is an AggregateError without a text. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (error === undefined) return 'cannot be reached';
  const message = error instanceof Error ? error.message : String(error);
  return message === '' ? 'cannot be reached' : message;
}
