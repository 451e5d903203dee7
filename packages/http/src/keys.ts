import { createHash, timingSafeEqual } from 'node:crypto';
import type { NamedKey } from '@contour/runtime';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problems.ts';
import { notesOf } from './request-log.ts';

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

/** An `onRequest` hook that refuses a request without the right key. */
export type Guard = (request: FastifyRequest) => Promise<void>;

export interface Guards {
  /** For senders: an API key or an admin key. */
  api: Guard;
  /** For operators: an admin key. */
  admin: Guard;
  /** The same in a browser, which can only send Basic. Any user name. */
  adminInBrowser: Guard;
}

/** Without keys of a role its endpoints are open. In production the settings require keys. */
export function createGuards(keys: { apiKeys: NamedKey[]; adminKeys: NamedKey[] }): Guards {
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
    api: guard('api', false),
    admin: guard('admin', false),
    adminInBrowser: guard('admin', true),
  };
}
