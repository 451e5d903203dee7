import { hash } from 'node:crypto';

/** Lower-case hex SHA-256: how a credential is known everywhere outside Postgres. */
export function fingerprintOf(credential: string): string {
  return hash('sha256', credential, 'hex');
}

/**
 * Enough of a credential for an operator to recognise it, too little to use it. A short one
 * (a group's or a user's number) is hidden whole: its ends would be most of it.
 */
export function maskCredential(credential: string): string {
  return credential.length < 16 ? '***' : `${credential.slice(0, 3)}***${credential.slice(-2)}`;
}
