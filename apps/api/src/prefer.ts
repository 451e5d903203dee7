/** The `Prefer` header of a request. `waitMs` is set only if the header names a wait. */
export interface Preference {
  respondAsync: boolean;
  waitMs?: number;
}

// A preference is a token, optionally with a value, optionally with parameters after a semicolon.
const PREFERENCE =
  /^\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]*)))?\s*(?:;|$)/;
const SEPARATOR = /,(?=(?:[^"]*"[^"]*")*[^"]*$)/;

/** The patterns above are not linear, so a header longer than any sensible preference is ignored. */
const MAX_LENGTH = 1000;

function preferencesIn(header: string): Array<[name: string, value: string]> {
  return header.split(SEPARATOR).flatMap((part) => {
    const [, name, quoted, plain] = PREFERENCE.exec(part) ?? [];
    return name === undefined ? [] : [[name.toLowerCase(), quoted ?? plain ?? '']];
  });
}

/** Reads RFC 7240: names in any case, lists, several headers; of a repeated one the first counts. */
export function parsePrefer(header: string | string[] | undefined): Preference {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  if (text.length > MAX_LENGTH) return { respondAsync: false };
  const first = new Map(preferencesIn(text).reverse());
  const wait = first.get('wait') ?? '';
  return {
    respondAsync: first.has('respond-async'),
    ...(/^\d+$/.test(wait) ? { waitMs: Number(wait) * 1000 } : {}),
  };
}
