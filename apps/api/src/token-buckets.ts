const SWEEP_ABOVE = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/**
 * A token bucket per caller: `ratePerSecond` flow in, and as many (but at least one) can be saved up.
 * `take` answers how long the caller has to wait, 0 where it need not. Full buckets are forgotten.
 */
export function createTokenBuckets(ratePerSecond: number, nowMs = () => performance.now()) {
  const buckets = new Map<string, Bucket>();
  const capacity = Math.max(1, ratePerSecond);

  function filled(bucket: Bucket, now: number): number {
    return Math.min(capacity, bucket.tokens + ((now - bucket.atMs) / 1000) * ratePerSecond);
  }

  function forgetFull(now: number): void {
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
      if (buckets.size > SWEEP_ABOVE) forgetFull(now);
      return isGranted ? 0 : Math.ceil(((1 - tokens) / ratePerSecond) * 1000);
    },
    get size() {
      return buckets.size;
    },
  };
}
