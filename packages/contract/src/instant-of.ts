import { z } from 'zod';

function isTimezone(name: string): boolean {
  // Later versions of Node take an offset such as +03:00 as well.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

/** The setting DEFAULT_TIMEZONE: the zone of a time without an offset. */
export const timezone = z
  .string()
  .refine(isTimezone, 'must be an IANA time zone such as Europe/Moscow')
  .default('UTC');

/** Seconds of up to 10 digits, or milliseconds of 13. */
const EPOCH = /^(?:\d{1,10}|(\d{13}))(?:\.\d+)?$/;

const ISO =
  /^(\d{4}-\d\d-(\d\d))[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|([+-])([01]\d|2[0-3]):?([0-5]\d))?$/;

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const offsetFormats = new Map<string, Intl.DateTimeFormat>();

function offsetFormatOf(zone: string): Intl.DateTimeFormat {
  const known = offsetFormats.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  offsetFormats.set(zone, made);
  return made;
}

/** How far the zone's clocks are ahead of UTC at an instant. */
function offsetMsAt(instantMs: number, zone: string): number {
  const shown = offsetFormatOf(zone).format(instantMs);
  const [, sign, hours = 0, minutes = 0, seconds = 0] =
    /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(shown) ?? [];
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -ms : ms;
}

/**
 * The instant at which the zone's clocks show a time. Of an hour that they show twice the first one counts. An hour that
 * they skip is read as if they had not been changed yet: 02:30 is then 03:30.
 */
function instantInZone(localMs: number, zone: string): number {
  if (zone === 'UTC') return localMs;
  const before = localMs - offsetMsAt(localMs - DAY_MS, zone);
  const after = localMs - offsetMsAt(localMs + DAY_MS, zone);
  const isShown = (instantMs: number) => instantMs + offsetMsAt(instantMs, zone) === localMs;
  return isShown(before) || !isShown(after) ? before : after;
}

/**
 * The milliseconds since 1970 of a sender's timestamp, in any of the contract's forms; undefined for any other value. A
 * time without an offset is read in `zone`. Whether a value is a time does not depend on the zone.
 */
export function instantOf(timestamp: string | number, zone: string): number | undefined {
  const text = String(timestamp);
  const epoch = EPOCH.exec(text);
  if (epoch !== null) {
    const isInMs = epoch[1] !== undefined;
    return Math.round(isInMs ? Number(text) : Number(text) * 1000);
  }
  const iso = ISO.exec(text);
  if (iso === null) return undefined;
  const [, date, day, time, sign, hours, minutes] = iso;
  const localMs = Date.parse(`${date}T${time}Z`);
  // Date.parse makes the 1st of March of the 30th of February, and the next day of 24 o'clock.
  if (Number.isNaN(localMs) || new Date(localMs).getUTCDate() !== Number(day)) return undefined;
  if (text.endsWith('Z')) return localMs;
  if (sign === undefined) return instantInZone(localMs, zone);
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
  return sign === '-' ? localMs + offsetMs : localMs - offsetMs;
}
