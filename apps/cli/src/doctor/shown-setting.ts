const SECRET = /PASSWORD|SECRET|KEY|TOKEN|HEADERS|CREDENTIAL/;
const MAX_LENGTH = 60;

/** A setting's value as it may be shown: of a URL its server alone, and of a secret that it is there. */
export function shownSetting(name: string, value: unknown): string {
  if (value === undefined || value === '') return 'not set';
  if (Array.isArray(value)) return shownList(value);
  if (typeof value === 'object') return Object.keys(value ?? {}).length === 0 ? 'none' : 'set';
  if (SECRET.test(name)) return 'set';
  const text = String(value);
  if (text.includes('://')) return shownUrl(text);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}

// An entry that is no text is a named key: what it is called may be shown.
function shownList(values: readonly unknown[]): string {
  if (values.length === 0) return 'none';
  const names = values.map((value) =>
    typeof value === 'string' ? value : String((value as { name?: unknown }).name ?? 'set'),
  );
  return names.join(', ');
}

/** Where a server is: not who logs in there, and with what. */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return 'set';
  const { protocol, host } = new URL(text);
  return `${protocol}//${host}`;
}
