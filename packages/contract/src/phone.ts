import {
  type CountryCode,
  isSupportedCountry,
  parsePhoneNumberFromString,
} from 'libphonenumber-js';
import { z } from 'zod';

const isPhoneRegion = (text: string): text is CountryCode => isSupportedCountry(text);

/** DEFAULT_PHONE_REGION: the country of a number that names none. */
export const phoneRegion = z
  .string()
  .refine(isPhoneRegion, 'must be a country code such as RU')
  .default('RU');

/**
 * E.164, or null for what is not a phone number and so must never join two clients into one. A
 * number with an extension belongs to a switchboard, not to a person: it is not used either.
 */
export function normalisePhone(raw: string | null, region: CountryCode): string | null {
  if (raw === null) return null;
  const phone = parsePhoneNumberFromString(raw, { defaultCountry: region, extract: false });
  return phone?.isPossible() && phone.ext === undefined ? phone.number : null;
}

export type { CountryCode as PhoneRegion };
