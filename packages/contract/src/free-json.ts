import { writeExactJson } from './exact-json.ts';
import { withoutCredential } from './json-walk.ts';

/** A shorter credential is a public id, and no secret: to take it out everywhere would spoil the body. */
export const MIN_SECRET_LENGTH = 8;

const isSecret = (credential: string | null | undefined): credential is string =>
  (credential?.length ?? 0) >= MIN_SECRET_LENGTH;

/** False only where the credential stands nowhere in the value that is written as this JSON. */
export const mayContain = (json: string, credential: string): boolean =>
  json.includes(JSON.stringify(credential).slice(1, -1));

/** JSON as it may be stored, and its text: the message's own credential is taken out. */
export interface FreeJson {
  value: unknown;
  /** Null where there is none. */
  text: string | null;
}

/** Takes the credential out where it stands, which the text tells without a walk through the value. */
export function freeJson(value: unknown, credential: string | null | undefined): FreeJson {
  if ((value ?? null) === null) return { value: null, text: null };
  const text = writeExactJson(value);
  if (!isSecret(credential) || !mayContain(text, credential)) return { value, text };
  const redacted = withoutCredential(value, credential);
  return { value: redacted, text: writeExactJson(redacted) };
}
