import { setTimeout as delay } from 'node:timers/promises';

/** Calls `look` until it returns a value. After the deadline it throws and names what it waited for. */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  { deadlineMs = 15_000, everyMs = 25 }: { deadlineMs?: number; everyMs?: number } = {},
): Promise<T> {
  const startedAt = Date.now();
  let lastError: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    const waitedMs = Date.now() - startedAt;
    if (waitedMs >= deadlineMs) {
      throw new Error(`waited ${waitedMs} ms for: ${what}`, { cause: lastError });
    }
    await delay(everyMs);
  }
}

/** The value of a promise, or an error that names what took too long. */
export async function within<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what} took longer than ${deadlineMs} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    late.catch(() => undefined);
    timer.abort();
  }
}
