import {
  type CountryCode,
  isSupportedCountry,
  parsePhoneNumberFromString,
} from 'libphonenumber-js';
import { z } from 'zod';
import type { IncomingMessage } from './incoming-message.ts';

export type PhoneRegion = CountryCode;

const isPhoneRegion = (text: string): text is CountryCode => isSupportedCountry(text);

/** The setting DEFAULT_PHONE_REGION: the country of a number without a country code. */
export const phoneRegion = z
  .string()
  .refine(isPhoneRegion, 'must be a country code such as RU')
  .default('RU');

/**
 * A phone as E.164. Null for a text that is not a phone number, and for a number with an extension, which belongs to a
 * switchboard: neither may link two persons.
 */
export function normalisePhone(raw: string | null, region: PhoneRegion): string | null {
  if (raw === null) return null;
  const phone = parsePhoneNumberFromString(raw, { defaultCountry: region, extract: false });
  return phone?.isPossible() && phone.ext === undefined ? phone.number : null;
}

/** Which phones identify a client: all, those that the channel vouches for, or none. */
export type LinkByPhone = boolean | 'verified';

/** The setting LINK_BY_PHONE. */
export const linkByPhone = z
  .enum(['true', '1', 'verified', 'false', '0'], 'must be true, verified or false')
  .transform((text): LinkByPhone => (text === 'verified' ? text : text === 'true' || text === '1'))
  .default(true);

/** A WhatsApp client's id that is its phone, in the forms that services use. */
const WHATSAPP_ID = /^\+?(\d{7,15})(?::\d+)?(?:@(?:c\.us|s\.whatsapp\.net))?$/;

const isOwnPhone = (id: string | null, phone: string): boolean =>
  id !== null && `+${WHATSAPP_ID.exec(id)?.[1]}` === phone;

type Message = Pick<
  IncomingMessage,
  'channel' | 'clientPhone' | 'externalChatId' | 'externalUserId' | 'phoneVerified'
>;

function isVouchedFor(message: Message, phone: string): boolean {
  if (message.phoneVerified) return true;
  if (message.channel !== 'whatsapp') return false;
  return isOwnPhone(message.externalChatId, phone) || isOwnPhone(message.externalUserId, phone);
}

/**
 * The phone by which a client is found and which is stored as the client's own, as E.164; null if there is none. With
 * `verified` a phone that a person has only typed is not used, because it may be a stranger's.
 */
export function matchingPhone(
  message: Message,
  settings: { linkByPhone: LinkByPhone; phoneRegion: PhoneRegion },
): string | null {
  const phone = normalisePhone(message.clientPhone, settings.phoneRegion);
  if (phone === null || settings.linkByPhone !== 'verified') return phone;
  return isVouchedFor(message, phone) ? phone : null;
}
