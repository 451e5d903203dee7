const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** W3C Trace Context as somebody sent it; undefined for whatever is none, which is nobody's fault. */
export function parseTraceparent(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(value) ?? [];
  if (version === undefined || (version === '00' && rest !== undefined)) return undefined;
  // Of a later version only these parts are known: what goes on is ours.
  return version === '00' ? value : `00-${traceId}-${spanId}-${flags}`;
}
