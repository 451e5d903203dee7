const PLACEHOLDER = '{credential}';

/** Takes a credential out of a JSON value wherever it stands: in texts, in keys, as a number. */
export function withoutCredential(value: unknown, credential: string): unknown {
  if (typeof value === 'string') return value.replaceAll(credential, () => PLACEHOLDER);
  if (typeof value === 'number') return String(value) === credential ? PLACEHOLDER : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withoutCredential(item, credential));
  // fromEntries defines keys, so that a key named __proto__ stays a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key.replaceAll(credential, () => PLACEHOLDER),
      withoutCredential(child, credential),
    ]),
  );
}
