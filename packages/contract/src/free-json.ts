import { writeExactJson } from './exact-json.ts';
import { withoutCredential } from './json-walk.ts';

/** A shorter credential is a public id and not a secret. Removing it everywhere would damage the body. */
export const MIN_SECRET_LENGTH = 8;

const isSecret = (credential: string | null | undefined): credential is string =>
  (credential?.length ?? 0) >= MIN_SECRET_LENGTH;

/** False only if the value with this JSON does not contain the credential. */
export const mayContain = (json: string, credential: string): boolean =>
  json.includes(JSON.stringify(credential).slice(1, -1));

/** Storable JSON and its text, without the message's own credential. */
export interface FreeJson {
  value: unknown;
  /** Null if the field is absent. */
  text: string | null;
}

/** Removes the credential. A search in the text first saves the walk through most values. */
export function freeJson(value: unknown, credential: string | null | undefined): FreeJson {
  if ((value ?? null) === null) return { value: null, text: null };
  const text = writeExactJson(value);
  if (!isSecret(credential) || !mayContain(text, credential)) return { value, text };
  const redacted = withoutCredential(value, credential);
  return { value: redacted, text: writeExactJson(redacted) };
}
