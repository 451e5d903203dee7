/** Thrown by `within`. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Bounds the wait for `promise`, not its work. `what` names the server in the error: "postgres". */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // The error is made only when it is needed, because its stack is expensive.
    const giveUp = () => reject(new TimeoutError(`${what} did not answer within ${ms} ms`));
    timer = setTimeout(giveUp, ms).unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
