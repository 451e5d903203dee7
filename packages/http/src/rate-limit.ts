import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problems.ts';
import { notesOf } from './request-log.ts';

const SWEEP_ABOVE = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * A token bucket per caller. `ratePerSecond` tokens flow in, and a bucket holds as many, but at least one.
 * `take` returns how many milliseconds the caller has to wait; 0 means that it took a token. Full buckets are dropped.
 */
export function createTokenBuckets(ratePerSecond: number, nowMs = () => performance.now()) {
  const buckets = new Map<string, Bucket>();
  const capacity = Math.max(1, ratePerSecond);

  function filled(bucket: Bucket, now: number): number {
    return Math.min(capacity, bucket.tokens + ((now - bucket.atMs) / 1000) * ratePerSecond);
  }

  function dropFull(now: number): void {
    for (const [caller, bucket] of buckets) {
      if (filled(bucket, now) >= capacity) buckets.delete(caller);
    }
  }

  return {
    take(caller: string): number {
      const now = nowMs();
      const bucket = buckets.get(caller);
      const tokens = bucket === undefined ? capacity : filled(bucket, now);
      const isGranted = tokens >= 1;
      buckets.set(caller, { tokens: isGranted ? tokens - 1 : tokens, atMs: now });
      if (buckets.size > SWEEP_ABOVE) dropFull(now);
      return isGranted ? 0 : Math.ceil(((1 - tokens) / ratePerSecond) * 1000);
    },
    get size() {
      return buckets.size;
    },
  };
}

/** A hook that refuses a key, or an address, with more than `ratePerSecond` requests; 0 switches it off. */
export function createRateLimit(ratePerSecond: number): (request: FastifyRequest) => Promise<void> {
  if (ratePerSecond === 0) return async () => {};
  const buckets = createTokenBuckets(ratePerSecond);
  return async (request) => {
    const waitMs = buckets.take(notesOf(request).caller ?? request.ip);
    if (waitMs === 0) return;
    throw new ProblemError('too_many_requests', {
      detail: `At most ${ratePerSecond} requests per second.`,
      headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) },
    });
  };
}
