import { createHash } from 'node:crypto';

/** Lower-case hex SHA-256: how a credential is known outside the process that received it. */
export function fingerprintOf(credential: string | number): string {
  return createHash('sha256').update(String(credential), 'utf8').digest('hex');
}
