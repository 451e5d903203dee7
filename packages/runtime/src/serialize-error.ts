/** An error as it is logged. */
export interface SerializedError {
  type: string;
  message: string;
  code?: string | number;
  stack?: string;
  cause?: SerializedError;
  errors?: SerializedError[];
}

const MAX_DEPTH = 5;

/**
 * Keeps the fields that are known to be safe, with the causes. Usual serializers copy whatever hangs on an
 * error, and that is a client's phone (`detail` of Postgres) or a whole message (`command` of Redis).
 */
export function serializeError(error: unknown, depth = 0): SerializedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const serialized: SerializedError = { type: error.name, message: error.message };
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' || typeof code === 'number') serialized.code = code;
  if (error.stack !== undefined) serialized.stack = error.stack;
  if (depth === MAX_DEPTH) return serialized;
  if (error.cause !== undefined) serialized.cause = serializeError(error.cause, depth + 1);
  if (error instanceof AggregateError) {
    serialized.errors = error.errors.map((inner) => serializeError(inner, depth + 1));
  }
  return serialized;
}
