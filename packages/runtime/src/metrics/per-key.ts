/**
 * One value per key, made once. Counting is done per message: the series are put together when the
 * process starts, and a message looks a name or two up.
 */
export function perKey<Key extends string, Value>(
  keys: readonly Key[],
  make: (key: Key) => Value,
): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<Key, Value>;
}
