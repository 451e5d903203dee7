import {
  CHANNELS,
  type Channel,
  type DlqEntry,
  fingerprintOf,
  normalisePhone,
  type PhoneRegion,
} from '@contour/contract';
import type { Person } from '@contour/store';

/** `unclear`: the chat or phone is the person's, but the account or the channel is unknown. */
export type Verdict = 'theirs' | 'unclear' | 'others';

/** What is needed to recognise a person's messages. */
export interface Recognition {
  person: Person;
  /** The fingerprints of the tenant's own accounts, and of all others. */
  accounts: Record<'own' | 'others', ReadonlyMap<Channel, ReadonlySet<string>>>;
  region: PhoneRegion;
}

type Body = Record<string, unknown>;

const isBody = (value: unknown): value is Body => typeof value === 'object' && value !== null;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The message itself, whether our API wrapped it, a worker sealed it, or another service sent it. */
function unwrapped(value: unknown): Body | undefined {
  const body = typeof value === 'string' ? parsed(value) : value;
  if (!isBody(body)) return undefined;
  if (body.v === 1 && 'message' in body) return unwrapped(body.message);
  return body.v === 1 && 'unreadable' in body ? unwrapped(body.unreadable) : body;
}

const textOf = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : null;

function fingerprintIn(body: Body, channel: Channel): string | null {
  const known = textOf(body.fingerprint ?? body.account_fingerprint ?? null);
  const credential = textOf(body[CHANNELS[channel].credentialField] ?? null);
  return known ?? (credential === null ? null : fingerprintOf(credential));
}

const channelOf = ({ channel }: Body): Channel | null =>
  Object.hasOwn(CHANNELS, String(channel)) ? (channel as Channel) : null;

/** In a body without a channel, a chat of any channel counts as the person's. */
function isOfPerson({ person, region }: Recognition, body: Body): boolean {
  const channel = channelOf(body);
  const chat = textOf(body.externalChatId ?? body.external_chat_id ?? null);
  const phone = textOf(body.clientPhone ?? body.client_phone ?? null);
  return (
    person.identities.some(
      (one) => one.channel === (channel ?? one.channel) && one.externalId === chat,
    ) ||
    (person.phone !== null && normalisePhone(phone, region) === person.phone)
  );
}

function judge(recognition: Recognition, body: Body): Verdict {
  if (!isOfPerson(recognition, body)) return 'others';
  const { own, others } = recognition.accounts;
  const channel = channelOf(body);
  const fingerprint = channel === null ? null : fingerprintIn(body, channel);
  if (channel === null || fingerprint === null) return 'unclear';
  if (own.get(channel)?.has(fingerprint)) return 'theirs';
  // A credential without an account may have been this tenant's.
  return others.get(channel)?.has(fingerprint) ? 'others' : 'unclear';
}

/** Judges a job or a stream entry. */
export function judgeText(recognition: Recognition, text: string): Verdict {
  const body = unwrapped(text);
  return body === undefined ? 'others' : judge(recognition, body);
}

/** Judges an entry of the dead-letter queue. An entry with a tenant belongs to that tenant. */
export function judgeEntry(recognition: Recognition, entry: DlqEntry): Verdict {
  const { tenantId, clientId } = recognition.person;
  const body = unwrapped(entry.message ?? entry.raw);
  if (entry.tenantId === null) return body === undefined ? 'others' : judge(recognition, body);
  if (entry.tenantId !== tenantId) return 'others';
  const isTheirs = body !== undefined && isOfPerson(recognition, body);
  return entry.clientId === clientId || isTheirs ? 'theirs' : 'others';
}
