import { CHANNELS, type Channel, CREDENTIAL_FIELDS } from './channels.ts';
import { fingerprintOf } from './credential.ts';
import { withoutCredential } from './json-walk.ts';

type Body = Record<string, unknown>;

const isBody = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The fingerprint takes the place of the channel's own credential, so that the body can be mended. */
function fingerprint(body: Body): Body {
  const own = Object.hasOwn(CHANNELS, String(body.channel))
    ? body[CHANNELS[body.channel as Channel].credentialField]
    : undefined;
  if (typeof own !== 'string' && typeof own !== 'number') return {};
  return { account_fingerprint: fingerprintOf(String(own)) };
}

/**
 * What was sent and could not be read, as it may be kept: whatever stands in a credential's field is
 * gone from there and from everywhere else in the body. Of what is no body only its size is told.
 */
export function unreadableBody(data: unknown): unknown {
  const body = typeof data === 'string' ? parsed(data) : data;
  if (!isBody(body))
    return `(${JSON.stringify(data ?? null).length} characters that are no object)`;
  const secrets = CREDENTIAL_FIELDS.map((field) => body[field])
    .filter((value) => typeof value === 'string' || typeof value === 'number')
    .map(String)
    .filter((value) => value !== '');
  const fields = Object.entries(body).filter(
    ([key]) => !(CREDENTIAL_FIELDS as readonly string[]).includes(key),
  );
  const safe = secrets.reduce(withoutCredential, Object.fromEntries(fields)) as Body;
  return { ...safe, ...fingerprint(body) };
}
