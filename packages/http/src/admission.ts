import { createHash, timingSafeEqual } from 'node:crypto';
import type { NamedKey } from '@contour/runtime';
import type { FastifyRequest } from 'fastify';
import { notesOf } from './observe-request.ts';
import { ProblemError } from './problems.ts';

type Role = 'api' | 'admin';

interface Holder {
  name: string;
  role: Role;
  hash: Buffer;
}

const hashOf = (key: string) => createHash('sha256').update(key, 'utf8').digest();

const holdersOf = (role: Role, keys: readonly NamedKey[]): Holder[] =>
  keys.map(({ name, key }) => ({ name, role, hash: hashOf(key) }));

function keyOf(header: string | undefined, basic: boolean): string | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+) *$/i.exec(header ?? '') ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  if (!basic) return undefined;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : undefined;
}

/** An `onRequest` hook that refuses a request: without the right key, or too many of one caller. */
export type Guard = (request: FastifyRequest) => Promise<void>;

export type Guards = ReturnType<typeof createGuards>;

/** Without keys of a role its endpoints are open. In production the settings require keys. */
export function createGuards(keys: { apiKeys: NamedKey[]; adminKeys: NamedKey[] }) {
  const holders = [...holdersOf('api', keys.apiKeys), ...holdersOf('admin', keys.adminKeys)];
  const isOpen: Record<Role, boolean> = {
    api: keys.apiKeys.length === 0,
    admin: keys.adminKeys.length === 0,
  };

  // Compares with every key, over hashes of one length: the time that it takes reveals nothing about a key.
  function holderOf(key: string): Holder | undefined {
    const hash = hashOf(key);
    return holders.filter((holder) => timingSafeEqual(holder.hash, hash)).at(-1);
  }

  function guard(role: Role, basic: boolean): Guard {
    const challenge = basic ? 'Basic realm="contour", charset="UTF-8"' : 'Bearer realm="contour"';
    return async (request) => {
      const key = keyOf(request.headers.authorization, basic);
      const holder = key === undefined ? undefined : holderOf(key);
      notesOf(request).caller = holder?.name ?? request.ip;
      if (isOpen[role] || holder?.role === 'admin' || holder?.role === role) return;
      throw new ProblemError('unauthorized', {
        detail: `An ${role === 'api' ? 'API' : 'admin'} key is required.`,
        headers: { 'www-authenticate': challenge },
      });
    };
  }

  return {
    /** For senders: an API key or an admin key. */
    api: guard('api', false),
    /** For operators: an admin key. */
    admin: guard('admin', false),
    /** The same in a browser, which can only send Basic. Any user name. */
    adminInBrowser: guard('admin', true),
  };
}

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
export function createRateLimit(ratePerSecond: number): Guard {
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
