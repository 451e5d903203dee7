import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problem-error.ts';
import { notesOf } from './request-notes.ts';
import { createTokenBuckets } from './token-buckets.ts';

/** Refuses a caller who sends more than `ratePerSecond`; 0 switches it off. */
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
