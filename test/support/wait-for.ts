import { setTimeout as delay } from 'node:timers/promises';

/** A long wait looks less often: a look costs the tests beside it a part of their cores. */
const MOST_OFTEN_MS = 20;
const LEAST_OFTEN_MS = 150;

/** Calls `look` until it returns a value. After the deadline it throws and names what it waited for. */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  { deadlineMs = 15_000, everyMs }: { deadlineMs?: number; everyMs?: number } = {},
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
    const pauseMs = Math.min(LEAST_OFTEN_MS, Math.max(MOST_OFTEN_MS, waitedMs / 10));
    await delay(everyMs ?? pauseMs);
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
